//! Owns the bounds on what a model may be, with the reason of each. Enforces none of them.

/// Bounds that [`crate::Model::load`] and the calls on the loaded model enforce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelLimits {
    /// Bytes of the encoded model.
    pub bytes_max: u64,
    /// Nodes of the graph.
    pub nodes_max: u64,
    /// Graphs within graphs: what `If`, `Loop` and `Scan` run, inside each other.
    pub depth_max: u64,
    /// Encoded fields in the model, outside packed data. Two bytes of an empty field become some
    /// hundred bytes of memory once parsed, so they are counted before anything is parsed.
    pub fields_max: u64,
    /// Bytes of declarations of inputs, outputs and intermediate values, which grow likewise.
    pub declaration_bytes_max: u64,
    /// Inputs and outputs of the model, counted separately.
    pub ports_max: u64,
    /// Bytes of an input's or output's name: each call is recorded with the names of its tensors.
    pub name_bytes_max: usize,
    /// Bytes of all values that one call computes, and of the largest rearranged copy that a
    /// convolution makes: what a call can at most hold in memory, weights apart.
    pub working_bytes_max: u64,
    /// Numbers that one call follows through the graph, because shapes may depend on them.
    pub followed_max: u64,
    /// Compiled plans kept, one for each combination of input shapes; the one longest unused goes first.
    pub plans_max: usize,
}

impl Default for ModelLimits {
    fn default() -> Self {
        Self {
            bytes_max: 512 << 20, // twice a model of 125 M parameters in f16, small for a worker's memory
            nodes_max: 20_000,    // large exported transformers have some thousands
            depth_max: 8,         // exported models nest two or three
            fields_max: 1 << 20,  // a node has about ten fields, so this is room for 100,000
            declaration_bytes_max: 8 << 20, // 20,000 values of 400 bytes each
            ports_max: 256,       // key-value caches of a 64-layer model take 128
            name_bytes_max: 1_024, // exported names are paths of modules, of some 100
            working_bytes_max: 3 << 30, // finding text on a page of 736 × 960 pixels comes to 2.1 GiB
            followed_max: 1 << 20, // a shape has 8 numbers: room for 100,000 of them, in some 0.1 s
            plans_max: 8,          // jobs use one or two shapes; more would hold memory for nobody
        }
    }
}
