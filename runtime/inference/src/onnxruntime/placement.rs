//! Owns the check that a model meant for the GPU runs on it. Moves nothing.
//!
//! The library puts a node for which the GPU has no kernel on the processor without a word, and may
//! put arithmetic about shapes there on purpose, since its results are needed on that side. The latter
//! is let through; forbidding it too (`session.disable_cpu_ep_fallback`) would refuse every model that
//! computes a shape, among them most exported transformers.

use std::ffi::{CStr, c_char};
use std::ptr;

use ort::session::Session;
use ort::{AsPointer, Error};

/// What the library calls the part of it that runs on the processor.
const PROCESSOR: &str = "CPUExecutionProvider";

/// Operators that occur in arithmetic about shapes: a few integers each, where they are put there.
/// None of them multiplies matrices, convolves or reduces.
const ABOUT_SHAPES: &[&str] = &[
    "Abs",
    "Add",
    "And",
    "Cast",
    "Ceil",
    "Concat",
    "ConstantOfShape",
    "Div",
    "Equal",
    "Expand",
    "Floor",
    "Gather",
    "Greater",
    "GreaterOrEqual",
    "Identity",
    "If",
    "Less",
    "LessOrEqual",
    "Loop",
    "Max",
    "Min",
    "Mod",
    "Mul",
    "Neg",
    "Not",
    "Or",
    "Range",
    "ReduceProd",
    "Reshape",
    "Scan",
    "Shape",
    "Size",
    "Slice",
    "Split",
    "Squeeze",
    "Sub",
    "Unsqueeze",
    "Where",
];

/// # Errors
/// In words when a node that is more than arithmetic about shapes was put on the processor, or the
/// library does not say where it put its nodes.
pub(super) fn check(session: &Session) -> Result<(), String> {
    let placed = nodes(session).map_err(|error| error.to_string())?;
    if placed.is_empty() {
        return Err("the library does not say where it computes".to_owned());
    }
    match first_fallback(&placed) {
        Some(operator) => Err(format!("{operator} would be computed on the processor")),
        None => Ok(()),
    }
}

/// The part of the library that a node was given to, and its operator.
type Placed = (String, String);

fn first_fallback(placed: &[Placed]) -> Option<&str> {
    placed
        .iter()
        .find(|(provider, operator)| {
            provider == PROCESSOR && !ABOUT_SHAPES.contains(&operator.as_str())
        })
        .map(|(_, operator)| operator.as_str())
}

fn nodes(session: &Session) -> ort::Result<Vec<Placed>> {
    let api = ort::api();
    let (mut subgraphs, mut count) = (ptr::null(), 0);
    // SAFETY: the session lives; the library writes a pointer to memory that the session keeps, and a count.
    let status = unsafe {
        (api.Session_GetEpGraphAssignmentInfo)(
            session.inner().ptr(),
            &raw mut subgraphs,
            &raw mut count,
        )
    };
    // SAFETY: the status was just returned and is not used again.
    unsafe { Error::result_from_status(status) }?;
    let mut placed = Vec::new();
    // SAFETY: pointer and count come from the library together.
    for &subgraph in unsafe { slice(subgraphs, count) } {
        let mut name = ptr::null();
        // SAFETY: the subgraph was just given by the library, which writes a pointer to a text it keeps.
        let status = unsafe { (api.EpAssignedSubgraph_GetEpName)(subgraph, &raw mut name) };
        // SAFETY: as above, the status is new; the text ends with a zero or is not there.
        let provider = unsafe {
            Error::result_from_status(status)?;
            text(name)
        };
        let (mut nodes, mut count) = (ptr::null(), 0);
        // SAFETY: as for the subgraphs.
        let status =
            unsafe { (api.EpAssignedSubgraph_GetNodes)(subgraph, &raw mut nodes, &raw mut count) };
        // SAFETY: the status was just returned and is not used again.
        unsafe { Error::result_from_status(status) }?;
        // SAFETY: pointer and count come from the library together.
        for &node in unsafe { slice(nodes, count) } {
            let mut name = ptr::null();
            // SAFETY: as for the subgraph's name.
            let status = unsafe { (api.EpAssignedNode_GetOperatorType)(node, &raw mut name) };
            // SAFETY: as for the subgraph's name.
            let operator = unsafe {
                Error::result_from_status(status)?;
                text(name)
            };
            placed.push((provider.clone(), operator));
        }
    }
    Ok(placed)
}

/// # Safety
/// Where the pointer is not null, so many values stand there.
unsafe fn slice<'a, T>(pointer: *const T, count: usize) -> &'a [T] {
    if pointer.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: the caller vouches for it.
    unsafe { std::slice::from_raw_parts(pointer, count) }
}

/// # Safety
/// Where the pointer is not null, a text that ends with a zero stands there.
unsafe fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: the caller vouches for it.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(nodes: &[(&str, &str)]) -> Vec<Placed> {
        let owned = nodes.iter();
        owned
            .map(|&(provider, operator)| (provider.to_owned(), operator.to_owned()))
            .collect()
    }

    #[test]
    fn only_arithmetic_about_shapes_may_stay_on_the_processor() {
        let gpu = "CUDAExecutionProvider";
        let shapes = placed(&[
            (gpu, "MatMul"),
            (PROCESSOR, "Gather"),
            (PROCESSOR, "Concat"),
        ]);
        assert_eq!(first_fallback(&shapes), None);
        let product = placed(&[(gpu, "Add"), (PROCESSOR, "MatMul")]);
        assert_eq!(first_fallback(&product), Some("MatMul"));
        let fused = placed(&[(PROCESSOR, "FusedConv")]);
        assert_eq!(first_fallback(&fused), Some("FusedConv"));
    }
}
