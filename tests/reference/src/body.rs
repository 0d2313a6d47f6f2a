//! A function body, decoded: its operators, where its branches go, and what the meter's rules want to
//! know of its text. Runs nothing and weighs nothing.

use std::collections::HashMap;

use meterbox_meter::Class;
use wasmparser::{
    BlockType, Catch, FuncType, FuncValidator, FunctionBody, Operator, ValidatorResources,
};

use crate::class::class;
use crate::counted::{CountedLoop, counted_loop};
use crate::error::Error;
use crate::operator::{Op, Target, index, plain};
use crate::segment::{Segment, segments};
use crate::size::{Size, frame_units, is_small};
use crate::value::Value;

#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) parameters: usize,
    pub(crate) results: usize,
    /// What the locals begin with that are no parameters.
    pub(crate) locals: Vec<Value>,
    pub(crate) code: Vec<Op>,
    /// In the order of the text, so that of two that hold an operator the later is the inner one.
    pub(crate) tries: Vec<Try>,

    /// The class of each operator.
    pub(crate) classes: Vec<Class>,
    pub(crate) segments: Vec<Segment>,
    /// Where `loop`s are.
    pub(crate) loops: Vec<usize>,
    pub(crate) counted: Vec<CountedLoop>,
    pub(crate) is_small: bool,
    pub(crate) frame_units: u32,
}

/// A `try_table`.
#[derive(Debug)]
pub(crate) struct Try {
    /// The first operator inside.
    pub(crate) from: usize,
    /// Its `end`.
    pub(crate) to: usize,
    pub(crate) handlers: Vec<Handler>,
}

/// What a `try_table` catches, and where it goes then.
#[derive(Debug)]
pub(crate) struct Handler {
    /// Any, if none.
    pub(crate) tag: Option<u32>,
    /// Whether a reference to the exception is kept too.
    pub(crate) keeps_reference: bool,
    pub(crate) target: Target,
}

/// A structured operator, with what belongs to it.
struct Block {
    is_loop: bool,
    otherwise: Option<usize>,
    end: usize,
    parameters: usize,
    results: usize,
    /// Values on the operand stack below its parameters.
    height: usize,
}

/// What one reading of a body finds.
struct Text<'a> {
    operators: Vec<Operator<'a>>,
    /// By the index of the operator that opens it.
    blocks: HashMap<usize, Block>,
    height: usize,
    locals: Vec<Value>,
}

/// Decodes a body of a function of this type, which is called `from_outside` if it is exported or the start
/// function.
pub(crate) fn decode(
    mut validator: FuncValidator<ValidatorResources>,
    body: &FunctionBody<'_>,
    ty: &FuncType,
    types: &[FuncType],
    from_outside: bool,
) -> Result<Body, Error> {
    let text = read(&mut validator, body, ty, types)
        .map_err(|error| Error::Unsupported(error.to_string()))?
        .ok_or_else(|| Error::Unsupported("a type of a local".to_owned()))?;
    let size = Size {
        parameters: ty.params().len(),
        results: ty.results().len(),
        locals: text.locals.len(),
        operators: text.operators.len(),
        height: text.height,
    };
    let (code, tries) = Decoder {
        text: &text,
        open: Vec::new(),
        results: size.results,
        tries: Vec::new(),
    }
    .decode()?;
    let classes = text
        .operators
        .iter()
        .map(|operator| class(operator).ok_or_else(|| unsupported(operator)))
        .collect::<Result<_, _>>()?;
    let mut loops: Vec<usize> = (text.blocks.iter())
        .filter_map(|(&at, block)| block.is_loop.then_some(at))
        .collect();
    loops.sort_unstable();
    let counted = loops
        .iter()
        .filter_map(|&at| counted_loop(&text.operators, at, text.blocks[&at].end))
        .collect();
    let is_small = !from_outside && is_small(&size, &text.operators);
    Ok(Body {
        parameters: size.parameters,
        results: size.results,
        code,
        tries,
        classes,
        segments: segments(&text.operators),
        loops,
        counted,
        is_small,
        frame_units: frame_units(&size, is_small, &text.operators),
        locals: text.locals,
    })
}

fn unsupported(operator: &Operator<'_>) -> Error {
    Error::Unsupported(format!("the operator {operator:?}"))
}

/// Reads the operators, and asks validation for heights. None if a local has a type that is not handled.
fn read<'a>(
    validator: &mut FuncValidator<ValidatorResources>,
    body: &FunctionBody<'a>,
    ty: &FuncType,
    types: &[FuncType],
) -> wasmparser::Result<Option<Text<'a>>> {
    let mut reader = body.get_binary_reader();
    validator.read_locals(&mut reader)?;
    let parameters = u32::try_from(ty.params().len()).expect("a length of WebAssembly fits");
    let Some(locals) = (parameters..validator.len_locals())
        .map(|local| validator.get_local_type(local).and_then(Value::zero))
        .collect()
    else {
        return Ok(None);
    };
    let mut text = Text {
        operators: Vec::new(),
        blocks: HashMap::new(),
        height: 0,
        locals,
    };
    let mut open = Vec::new();
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let offset = operators.original_position();
        let operator = operators.read()?;
        validator.op(offset, &operator)?;
        let at = text.operators.len();
        match &operator {
            Operator::Block { blockty }
            | Operator::Loop { blockty }
            | Operator::If { blockty }
            | Operator::TryTable {
                try_table: wasmparser::TryTable { ty: blockty, .. },
            } => {
                let (parameters, results) = arity(*blockty, types);
                let frame = validator.get_control_frame(0).expect("it is open");
                text.blocks.insert(
                    at,
                    Block {
                        is_loop: matches!(operator, Operator::Loop { .. }),
                        otherwise: None,
                        end: at,
                        parameters,
                        results,
                        height: frame.height,
                    },
                );
                open.push(at);
            }
            Operator::Else => {
                let block = open.last().and_then(|at| text.blocks.get_mut(at));
                block.expect("an `if` is open").otherwise = Some(at + 1);
            }
            Operator::End => {
                if let Some(block) = open.pop().and_then(|at| text.blocks.get_mut(&at)) {
                    block.end = at;
                }
            }
            _ => {}
        }
        text.operators.push(operator);
        text.height = text.height.max(index(validator.operand_stack_height()));
    }
    Ok(Some(text))
}

fn arity(ty: BlockType, types: &[FuncType]) -> (usize, usize) {
    match ty {
        BlockType::Empty => (0, 0),
        BlockType::Type(_) => (0, 1),
        BlockType::FuncType(ty) => {
            let ty = &types[index(ty)];
            (ty.params().len(), ty.results().len())
        }
    }
}

/// Gives each operator what it needs to run.
struct Decoder<'t, 'a> {
    text: &'t Text<'a>,
    /// The blocks around the operator, outermost first.
    open: Vec<usize>,
    results: usize,
    tries: Vec<Try>,
}

impl Decoder<'_, '_> {
    fn decode(mut self) -> Result<(Vec<Op>, Vec<Try>), Error> {
        let code = (0..self.text.operators.len())
            .map(|at| self.op(at))
            .collect::<Result<_, _>>()?;
        Ok((code, self.tries))
    }

    fn op(&mut self, at: usize) -> Result<Op, Error> {
        let operator = &self.text.operators[at];
        Ok(match operator {
            Operator::Block { .. } => {
                self.open.push(at);
                Op::Nothing
            }
            Operator::Loop { .. } => {
                self.open.push(at);
                Op::Loop
            }
            Operator::If { .. } => {
                self.open.push(at);
                let block = &self.text.blocks[&at];
                Op::If {
                    otherwise: block.otherwise.unwrap_or(block.end),
                }
            }
            Operator::Else => {
                let block = self.open.last().expect("an `if` is open");
                Op::Goto(self.text.blocks[block].end)
            }
            Operator::TryTable { try_table } => {
                // Its labels are those around it.
                let handlers = try_table
                    .catches
                    .iter()
                    .map(|catch| self.handler(catch))
                    .collect();
                self.tries.push(Try {
                    from: at + 1,
                    to: self.text.blocks[&at].end,
                    handlers,
                });
                self.open.push(at);
                Op::Nothing
            }
            Operator::End => match self.open.pop() {
                Some(_) => Op::Nothing,
                None => Op::Return,
            },
            Operator::Br { relative_depth } => Op::Br(self.target(*relative_depth)),
            Operator::BrIf { relative_depth } => Op::BrIf(self.target(*relative_depth)),
            Operator::BrTable { targets } => targets
                .targets()
                .chain([Ok(targets.default())])
                .map(|label| Ok(self.target(label?)))
                .collect::<wasmparser::Result<_>>()
                .map(Op::BrTable)
                .map_err(|error| Error::Invalid(error.to_string()))?,
            other => plain(other).ok_or_else(|| unsupported(other))?,
        })
    }

    fn handler(&self, catch: &Catch) -> Handler {
        let (tag, keeps_reference, label) = match *catch {
            Catch::One { tag, label } => (Some(tag), false, label),
            Catch::OneRef { tag, label } => (Some(tag), true, label),
            Catch::All { label } => (None, false, label),
            Catch::AllRef { label } => (None, true, label),
        };
        Handler {
            tag,
            keeps_reference,
            target: self.target(label),
        }
    }

    /// Where a branch to this label goes: the operator after a `loop`, and the `end` of all others.
    fn target(&self, label: u32) -> Target {
        let Some(outwards) = self.open.len().checked_sub(index(label) + 1) else {
            return Target {
                pc: self.text.operators.len() - 1,
                keep: self.results,
                height: 0,
            };
        };
        let at = self.open[outwards];
        let block = &self.text.blocks[&at];
        Target {
            pc: if block.is_loop { at + 1 } else { block.end },
            keep: if block.is_loop {
                block.parameters
            } else {
                block.results
            },
            height: block.height,
        }
    }
}
