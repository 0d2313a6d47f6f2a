//! A profile of a run: which functions the units went to, by call path. The meter's own module builds it
//! as a tree in a memory of its own, so that no host is called: hosts may not be called everywhere.
//!
//! A function says when it begins and ends, and the units left then. The units between two such events are
//! those of the function that was running. Nothing of it is charged.

use wasm_encoder::{
    BlockType, ConstExpr, ExportKind, ExportSection, Function, GlobalSection, GlobalType,
    InstructionSink, MemArg, MemorySection, MemoryType, TypeSection, ValType,
};

/// What a program with hooks imports of the meter beside its globals: `enter(function: i32, left: i64) ->
/// i32`, which gives the call's node, `leave(left: i64)`, and `caught(node: i32, left: i64)`.
pub const HOOKS: [&str; 3] = ["enter", "leave", "caught"];

/// The memory that the meter exports beside them.
pub const NODES_MEMORY: &str = "nodes";

/// The globals that the meter exports beside them: where the nodes end, and which one was running.
pub const NODES_END: [&str; 2] = ["nodes-end", "nodes-current"];

/// The bytes of one node.
pub const NODE_BYTES: u32 = 32;

/// Nodes at most, the root included: more call paths than anybody reads. Beyond, the run traps, and the
/// nodes seem to end behind the memory's end.
pub const NODES_MAX: u32 = 1 << 20;

/// The bytes of the nodes' memory, all of them there from the beginning.
pub const NODES_BYTES: u32 = NODES_MAX * NODE_BYTES;

const PAGE_BYTES: u32 = 65_536;

// Where the parts of a node are. A node that is not there is node 0, the root, which is nobody's child.
const FUNCTION: u64 = 0;
const PARENT: u64 = 4;
const CHILD: u64 = 8;
const SIBLING: u64 = 12;
const CALLS: u64 = 16;
const UNITS: u64 = 24;

/// The indices of the imported hooks in a module that was rewritten.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hooks {
    pub enter: u32,
    pub leave: u32,
    pub caught: u32,
}

/// A call path: a function, as it was called by the node above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfileNode {
    /// The function's place among the own functions of all core modules; nothing sensible for the root.
    pub function: u32,
    /// The place of the caller's node, which comes before.
    pub parent: u32,
    /// How often it was called.
    pub calls: u64,
    /// Units between events while it was running.
    pub units: i64,
}

/// The nodes that a memory holds; the root comes first.
#[must_use]
pub fn nodes(memory: &[u8]) -> Vec<ProfileNode> {
    let size = crate::module::position(NODE_BYTES);
    let narrow = |node: &[u8], at: u64| u32::from_le_bytes(part(node, at));
    let node = |node: &[u8]| ProfileNode {
        function: narrow(node, FUNCTION),
        parent: narrow(node, PARENT) / NODE_BYTES,
        calls: u64::from_le_bytes(part(node, CALLS)),
        units: i64::from_le_bytes(part(node, UNITS)),
    };
    memory.chunks_exact(size).map(node).collect()
}

/// The bytes of a node from `at` on.
fn part<const N: usize>(node: &[u8], at: u64) -> [u8; N] {
    let bytes = usize::try_from(at).ok().and_then(|at| node.get(at..));
    let bytes = bytes.and_then(|bytes| bytes.first_chunk());
    bytes.copied().unwrap_or([0; N])
}

/// The types of the hooks, in order.
pub(crate) fn encode_types(types: &mut TypeSection) {
    let (i32, i64) = (ValType::I32, ValType::I64);
    types.ty().function([i32, i64], [i32]);
    types.ty().function([i64], []);
    types.ty().function([i32, i64], []);
}

/// The memory of the nodes.
pub(crate) fn memory() -> MemorySection {
    let pages = u64::from(NODES_BYTES / PAGE_BYTES);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: pages,
        maximum: Some(pages),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    memories
}

/// The tree's globals from `first` on: where the nodes end, the running one, and the units left at the
/// last event. Exports all that is to be exported; the hooks are the functions from `functions` on.
pub(crate) fn declare(
    globals: &mut GlobalSection,
    exports: &mut ExportSection,
    first: u32,
    functions: u32,
) {
    let global = |val_type| GlobalType {
        val_type,
        mutable: true,
        shared: false,
    };
    globals.global(
        global(ValType::I32),
        &ConstExpr::i32_const(signed(NODE_BYTES)),
    );
    globals.global(global(ValType::I32), &ConstExpr::i32_const(0));
    globals.global(global(ValType::I64), &ConstExpr::i64_const(0));
    for (at, name) in (first..).zip(NODES_END) {
        exports.export(name, ExportKind::Global, at);
    }
    for (at, name) in (functions..).zip(HOOKS) {
        exports.export(name, ExportKind::Func, at);
    }
    exports.export(NODES_MEMORY, ExportKind::Memory, 0);
}

/// Takes the units left from the meter's global: the tree begins.
pub(crate) fn begin(start: &mut Function, left: u32, first: u32) {
    start.instructions().global_get(left).global_set(first + 2);
}

/// The bodies of the hooks, in order; the tree's globals stand from `first` on.
pub(crate) fn bodies(first: u32) -> [Function; 3] {
    let tree = Tree {
        end: first,
        current: first + 1,
        last: first + 2,
    };
    let mut leave = Function::new([]);
    let mut code = leave.instructions();
    tree.settle(&mut code, 0);
    code.global_get(tree.current)
        .i32_load(at(PARENT, 2))
        .global_set(tree.current)
        .end();

    let mut caught = Function::new([]);
    let mut code = caught.instructions();
    tree.settle(&mut code, 1);
    code.local_get(0).global_set(tree.current).end();
    [tree.enter(), leave, caught]
}

/// The indices of the tree's globals.
struct Tree {
    end: u32,
    current: u32,
    last: u32,
}

impl Tree {
    /// Gives the units since the last event to the function that was running. Units below zero are not
    /// billed.
    fn settle(&self, code: &mut InstructionSink<'_>, left: u32) {
        code.local_get(left)
            .i64_const(0)
            .local_get(left)
            .i64_const(0)
            .i64_gt_s()
            .select()
            .local_set(left)
            .global_get(self.current)
            .global_get(self.current)
            .i64_load(at(UNITS, 3))
            .global_get(self.last)
            .i64_add()
            .local_get(left)
            .i64_sub()
            .i64_store(at(UNITS, 3))
            .local_get(left)
            .global_set(self.last);
    }

    /// Finds the running node's child for a function, or adds one, and makes it the running one.
    fn enter(&self) -> Function {
        let (function, left, child) = (0, 1, 2);
        let mut enter = Function::new([(1, ValType::I32)]);
        let mut code = enter.instructions();
        self.settle(&mut code, left);
        code.global_get(self.current)
            .i32_load(at(CHILD, 2))
            .local_set(child)
            .block(BlockType::Empty)
            .loop_(BlockType::Empty)
            .local_get(child)
            .i32_eqz()
            .if_(BlockType::Empty);
        self.add(&mut code, function, child);
        code.br(2)
            .end()
            .local_get(child)
            .i32_load(at(FUNCTION, 2))
            .local_get(function)
            .i32_eq()
            .br_if(1)
            .local_get(child)
            .i32_load(at(SIBLING, 2))
            .local_set(child)
            .br(0)
            .end()
            .end()
            .local_get(child)
            .local_get(child)
            .i64_load(at(CALLS, 3))
            .i64_const(1)
            .i64_add()
            .i64_store(at(CALLS, 3))
            .local_get(child)
            .global_set(self.current)
            .local_get(child)
            .end();
        enter
    }

    /// Adds a child for a function to the running node.
    fn add(&self, code: &mut InstructionSink<'_>, function: u32, child: u32) {
        code.global_get(self.end)
            .i32_const(signed(NODES_BYTES))
            .i32_ge_u()
            .if_(BlockType::Empty)
            .i32_const(signed(NODES_BYTES + NODE_BYTES))
            .global_set(self.end)
            .unreachable()
            .end()
            .global_get(self.end)
            .local_tee(child)
            .i32_const(signed(NODE_BYTES))
            .i32_add()
            .global_set(self.end)
            .local_get(child)
            .local_get(function)
            .i32_store(at(FUNCTION, 2))
            .local_get(child)
            .global_get(self.current)
            .i32_store(at(PARENT, 2))
            .local_get(child)
            .global_get(self.current)
            .i32_load(at(CHILD, 2))
            .i32_store(at(SIBLING, 2))
            .global_get(self.current)
            .local_get(child)
            .i32_store(at(CHILD, 2));
    }
}

fn at(offset: u64, align: u32) -> MemArg {
    MemArg {
        offset,
        align,
        memory_index: 0,
    }
}

fn signed(n: u32) -> i32 {
    i32::from_ne_bytes(n.to_ne_bytes())
}
