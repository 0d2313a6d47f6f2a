//! Looking at models: what they are and what a call on them costs, without computing anything.

use serde_json::Value;

use crate::harness::User;

/// `y = Relu(x · w)` with x of N × 3 and w of 3 × 2 zeros, in ONNX; the second node has no name.
const PRODUCT: &[u8] = b"\x08\x08\x12\x00:~\x0a\x1a\x0a\x01x\x0a\x01w\x12\x01h\x1a\x07product\"\x06MatMul\
\x0a\x0c\x0a\x01h\x12\x01y\"\x04Relu\x12\x01g*#\x08\x03\x08\x02\x10\x01B\x01wJ\x18\
\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
Z\x14\x0a\x01x\x12\x0f\x0a\x0d\x08\x01\x12\x09\x0a\x03\x12\x01N\x0a\x02\x08\x03\
b\x14\x0a\x01y\x12\x0f\x0a\x0d\x08\x01\x12\x09\x0a\x03\x12\x01N\x0a\x02\x08\x02B\x04\x0a\x00\x10\x11";

// 4 × 2 outputs of 3 products and 16, 12 elements read at 16, a product of 2,048 and a node of 1,024; 8 elements of
// 16 and a node. 3 × 2 weights of 4 bytes. 12 floats in and 8 out; 8 and 8 held. Prepared: 2 nodes of 500,000, the
// square of 2 at 128, 138 bytes and 6 parameters of 64 each.
const TOLD: &str = "\
a model of 138 bytes, version 17 of ONNX's operators
sha256 4a5a55f011e2fed9b2ad3618dffbbd2feba16e6bdaccb282b4cdf4996be41749
2 nodes, 6 parameters; preparing it is charged 8546208 operations of f32

inputs
  x  f32 [N, 3]

outputs
  y  f32 [N, 2]

operators
       1  MatMul
       1  Relu

a call with
  x  f32 4x3

    operations  mult-accumulates  weight bytes  by        output            operator, node
          3608                24            24  f32       4x2               MatMul product
          1152                 0             0  f32       4x2               Relu y

is charged
              4760 operations of f32
                24 bytes of weights
                80 bytes of tensors

24 of the operations multiply and accumulate; the call holds 64 bytes
";

#[test]
fn a_model_is_told_by_its_ports_operators_and_layers() {
    let user = User::new();
    let model = user.file("product.onnx", PRODUCT);
    let model = model.to_str().unwrap();
    let ran = user.meterbox(["model", "inspect", model, "--shape", "x=4x3"]);
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert_eq!(ran.text(), TOLD);
    // Without a shape for what it leaves open, all but the call is told, and what is missing.
    let ran = user.meterbox(["model", "inspect", model]);
    assert_eq!(ran.exit, 0, "{ran:?}");
    let (before, after) = TOLD.split_at(TOLD.find("\na call with").unwrap());
    assert!(!after.is_empty());
    assert_eq!(
        ran.text(),
        format!("{before}\nno cost yet: input `x` leaves dimension `N` open: say `--shape x=…`\n")
    );
}

#[test]
fn a_models_json_has_each_layer_and_the_sum() {
    let user = User::new();
    let model = user.file("product.onnx", PRODUCT);
    let arguments = [
        "model",
        "inspect",
        model.to_str().unwrap(),
        "--format",
        "json",
    ];
    let ran = user.meterbox(arguments.iter().chain(&["--shape", "x=4x3"]));
    assert_eq!(ran.exit, 0, "{ran:?}");
    let told: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(told["schema"], 1);
    assert_eq!(told["inputs"][0]["dimensions"][0], "N");
    let call = &told["call"];
    assert_eq!(call["cost"]["operations"]["f32"], "4760");
    assert_eq!(call["cost"]["tensor_bytes"], "80");
    assert_eq!(call["layers"][0]["operator"], "MatMul");
    assert_eq!(call["layers"][0]["multiply_accumulates"], "24");
    assert_eq!(call["layers"][1]["operations"]["f32"], "1152");
    assert_eq!(call["outputs"][0]["dimensions"], serde_json::json!([4, 2]));
    let open = user.meterbox(arguments);
    let open: Value = serde_json::from_slice(&open.stdout).unwrap();
    assert_eq!(open["call"], Value::Null);
}

#[test]
fn shapes_that_do_not_fit_are_refused_and_name_the_input() {
    let user = User::new();
    let model = user.file("product.onnx", PRODUCT);
    let with = |shapes: &[&str]| {
        let mut arguments = vec!["model", "inspect", model.to_str().unwrap()];
        for shape in shapes {
            arguments.extend(["--shape", shape]);
        }
        user.meterbox(arguments)
    };
    with(&["z=4x3"]).refused(2, "the model has no input `z`, but `x`");
    with(&["x=4x3", "x=4x3"]).refused(2, "`x` twice");
    with(&["x=4x5"]).refused(3, "input `x` has dimensions [4, 5], the model takes [N, 3]");
    assert_eq!(with(&["x"]).exit, 2);
    assert_eq!(with(&["x=4xa"]).exit, 2);
}

#[test]
fn what_is_no_model_is_refused_with_the_reason() {
    let user = User::new();
    let inspect = |name: &str, bytes: &[u8]| {
        let path = user.file(name, bytes);
        user.meterbox(["model", "inspect", path.to_str().unwrap()])
    };
    inspect("text.onnx", b"no model at all").refused(3, "not valid ONNX");
    inspect("empty.onnx", b"").refused(3, "not valid ONNX");
    inspect("cut.onnx", &PRODUCT[..100]).refused(3, "is no model that can be used");
    let mut unknown = PRODUCT.to_vec();
    let at = unknown
        .windows(4)
        .position(|bytes| bytes == b"Relu")
        .unwrap();
    unknown[at..at + 4].copy_from_slice(b"Ruin");
    inspect("unknown.onnx", &unknown).refused(3, "operator Ruin of node `y` is not supported");
    // What the model calls things forges no line of the message, and turns none around.
    unknown[at..at + 4].copy_from_slice(b"\n\xe2\x80\xae");
    inspect("forged.onnx", &unknown).refused(3, "operator \\u{a}\\u{202e} of node `y`");
    user.meterbox(["model", "inspect", "nowhere.onnx"])
        .refused(1, "cannot be read");
}
