//! What an engine in a process of its own is asked and answers: JSON, in files. Runs nothing.
//!
//! No value crosses as a number: each is a *slot*, two signed 64-bit integers in decimal (the low and
//! the high half of its bits), since JSON's numbers lose digits and JavaScript's lose the bits of a NaN.
//! The foreign side needs no types: the [adapter](crate::adapter) turns slots into values.

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meterbox_differential::case::{Bits, Call, Done, Ending};
use serde::{Deserialize, Serialize};
use wasmparser::ValType;

use crate::engine::Answer;
use crate::program::{Origin, Program};
use crate::shape::Shape;

/// What starts the failure of a run that ended by a trap of this name, where the engine's own words are
/// known: see [`failure`].
const TRAP: &str = "trap: ";
const EXCEPTION: &str = "exception";
const LIMITED: &str = "limited";

/// Programs, and the calls to make of each.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub programs: Vec<Asked>,
}

/// One program; all three modules in Base64.
#[derive(Debug, Serialize, Deserialize)]
pub struct Asked {
    pub name: String,
    /// As the meter wrote it.
    pub metered: String,
    /// As it came: where an engine refuses what the meter wrote, it must refuse this as well.
    pub plain: String,
    pub adapter: String,
    /// Whether the host's `call-back` calls the export `back`.
    pub is_called_back: bool,
    /// What not every engine has, as the check names it.
    pub needs: Vec<String>,
    pub globals: usize,
    pub memories: usize,
    pub calls: Vec<AskedCall>,
}

/// One call, in an instance of its own.
#[derive(Debug, Serialize, Deserialize)]
pub struct AskedCall {
    /// Which of the exported functions, counted.
    pub function: usize,
    /// Slots.
    pub arguments: Vec<[String; 2]>,
    pub results: usize,
    pub left: String,
    pub stack_units: i32,
}

/// What came of them, in the same order.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reply {
    pub version: String,
    pub programs: Vec<Replied>,
}

/// What came of one program.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Replied {
    /// Why the engine does not take it.
    pub refused: Option<String>,
    /// Whether the engine takes the program as it came.
    #[serde(default)]
    pub takes_plain: bool,
    /// How the engine broke.
    #[serde(default)]
    pub failed: Option<String>,
    #[serde(default)]
    pub runs: Vec<Ran>,
}

/// What came of one call.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ran {
    /// In the engine's words; none if the call returned.
    pub failure: Option<String>,
    /// Slots.
    pub results: Vec<[String; 2]>,
    pub left: String,
    pub stack_left: i32,
    pub pages_grown: String,
    pub grown_low: String,
    pub grown_high: String,
    /// Slots; none if there is no instance.
    pub globals: Vec<[String; 2]>,
    /// Bytes and hash of each; none if there is no instance.
    pub memories: Vec<[String; 2]>,
}

impl Request {
    /// What is asked about these programs.
    pub fn about(programs: &[Program]) -> Self {
        Self {
            programs: programs.iter().map(asked).collect(),
        }
    }

    /// The programs that this asks about.
    ///
    /// # Errors
    /// If it is not what [`Request::about`] makes.
    pub fn programs(&self) -> Result<Vec<Program>> {
        self.programs.iter().map(program).collect()
    }
}

fn asked(program: &Program) -> Asked {
    Asked {
        name: program.name.clone(),
        metered: STANDARD.encode(&program.metered),
        plain: STANDARD.encode(&program.plain),
        adapter: STANDARD.encode(&program.adapter),
        is_called_back: program.shape.is_called_back(),
        needs: program
            .needs
            .iter()
            .map(|need| (*need).to_owned())
            .collect(),
        globals: program.shape.globals.len(),
        memories: program.shape.memories.len(),
        calls: program
            .calls
            .iter()
            .map(|call| {
                let function = program.shape.position(&call.export);
                AskedCall {
                    function,
                    arguments: call.arguments.iter().map(slot).collect(),
                    results: program.shape.functions[function].results.len(),
                    left: call.left.to_string(),
                    stack_units: call.stack_units,
                }
            })
            .collect(),
    }
}

fn program(asked: &Asked) -> Result<Program> {
    let metered = STANDARD.decode(&asked.metered)?;
    let plain = STANDARD.decode(&asked.plain)?;
    let shape = Shape::of(&plain)?;
    let mut calls = Vec::new();
    for call in &asked.calls {
        let function = shape
            .functions
            .get(call.function)
            .with_context(|| format!("`{}` has no such function", asked.name))?;
        calls.push(Call {
            export: function.name.clone(),
            arguments: values(&function.parameters, &call.arguments)?,
            left: number(&call.left)?,
            stack_units: call.stack_units,
        });
    }
    Ok(Program {
        name: asked.name.clone(),
        origin: Origin::Asked,
        metered,
        plain,
        adapter: STANDARD.decode(&asked.adapter)?,
        shape,
        needs: Vec::new(),
        calls,
    })
}

impl Replied {
    /// What an engine's answer is on the wire.
    pub fn of(answer: &Answer) -> Self {
        match answer {
            Answer::Refused { why, takes_plain } => Self {
                refused: Some(why.clone()),
                takes_plain: *takes_plain,
                ..Self::default()
            },
            Answer::Failed(why) => Self {
                failed: Some(why.clone()),
                ..Self::default()
            },
            Answer::Ran(runs) => Self {
                runs: runs.iter().map(ran).collect(),
                ..Self::default()
            },
        }
    }

    /// The answer that this is, about this program; `ending` says what the engine's words mean.
    ///
    /// # Errors
    /// If it is no answer to what was asked.
    pub fn answer(&self, program: &Program, ending: fn(&str) -> Ending) -> Result<Answer> {
        if let Some(why) = &self.refused {
            return Ok(Answer::Refused {
                why: why.clone(),
                takes_plain: self.takes_plain,
            });
        }
        if let Some(why) = &self.failed {
            return Ok(Answer::Failed(why.clone()));
        }
        if self.runs.len() != program.calls.len() {
            bail!(
                "`{}` has {} calls, and {} were answered",
                program.name,
                program.calls.len(),
                self.runs.len()
            );
        }
        let runs = self.runs.iter().zip(&program.calls);
        let done = runs.map(|(ran, call)| done(ran, call, &program.shape, ending));
        Ok(Answer::Ran(done.collect::<Result<_>>()?))
    }
}

fn ran(done: &Done) -> Ran {
    let (failure, results) = match &done.ending {
        Ending::Returned(values) => (None, values.iter().map(slot).collect()),
        Ending::Trapped(name) => (Some(format!("{TRAP}{name}")), Vec::new()),
        Ending::Exception => (Some(EXCEPTION.to_owned()), Vec::new()),
        Ending::Limited => (Some(LIMITED.to_owned()), Vec::new()),
    };
    let memory = |(bytes, hash): &(usize, u64)| [bytes.to_string(), hash.cast_signed().to_string()];
    Ran {
        failure,
        results,
        left: done.left.to_string(),
        stack_left: if done.stack_exhausted { -1 } else { 0 },
        pages_grown: done.pages_grown.cast_signed().to_string(),
        grown_low: done.grown_low.cast_signed().to_string(),
        grown_high: done.grown_high.cast_signed().to_string(),
        globals: done.globals.iter().map(slot).collect(),
        memories: done.memories.iter().map(memory).collect(),
    }
}

fn done(ran: &Ran, call: &Call, shape: &Shape, ending: fn(&str) -> Ending) -> Result<Done> {
    let function = &shape.functions[shape.position(&call.export)];
    let memory = |[bytes, hash]: &[String; 2]| -> Result<(usize, u64)> {
        let bytes = usize::try_from(number(bytes)?)?;
        Ok((bytes, number(hash)?.cast_unsigned()))
    };
    Ok(Done {
        ending: match &ran.failure {
            None => Ending::Returned(values(&function.results, &ran.results)?),
            Some(words) => ending(words),
        },
        left: number(&ran.left)?,
        stack_exhausted: ran.stack_left < 0,
        pages_grown: number(&ran.pages_grown)?.cast_unsigned(),
        grown_low: number(&ran.grown_low)?.cast_unsigned(),
        grown_high: number(&ran.grown_high)?.cast_unsigned(),
        globals: match ran.globals.as_slice() {
            [] => Vec::new(),
            globals => {
                let types: Vec<ValType> = shape.globals.iter().map(|global| global.ty).collect();
                values(&types, globals)?
            }
        },
        memories: ran.memories.iter().map(memory).collect::<Result<_>>()?,
    })
}

/// What a failure means that [`Replied::of`] wrote.
pub fn failure(words: &str) -> Ending {
    match words {
        EXCEPTION => Ending::Exception,
        LIMITED => Ending::Limited,
        words => Ending::Trapped(words.strip_prefix(TRAP).unwrap_or(words).to_owned()),
    }
}

fn number(text: &str) -> Result<i64> {
    text.parse()
        .with_context(|| format!("`{text}` is no 64-bit integer"))
}

fn slot(bits: &Bits) -> [String; 2] {
    let (low, high) = match bits {
        Bits::I32(bits) | Bits::F32(bits) => (u64::from(*bits), 0),
        Bits::I64(bits) | Bits::F64(bits) => (*bits, 0),
        Bits::V128(bits) => (low_half(*bits), low_half(*bits >> 64)),
        Bits::Ref(is_null) => (u64::from(*is_null), 0),
    };
    [low, high].map(|half| half.cast_signed().to_string())
}

fn low_half(bits: u128) -> u64 {
    u64::try_from(bits & u128::from(u64::MAX)).expect("it was cut to 64 bits")
}

fn values(types: &[ValType], slots: &[[String; 2]]) -> Result<Vec<Bits>> {
    if types.len() != slots.len() {
        bail!("{} values were given for {}", slots.len(), types.len());
    }
    let pairs = types.iter().zip(slots);
    pairs.map(|(ty, slot)| value(*ty, slot)).collect()
}

fn value(ty: ValType, [low, high]: &[String; 2]) -> Result<Bits> {
    let low = number(low)?.cast_unsigned();
    let high = number(high)?.cast_unsigned();
    let narrow = || u32::try_from(low).context("a value of 32 bits has more");
    Ok(match ty {
        ValType::I32 => Bits::I32(narrow()?),
        ValType::F32 => Bits::F32(narrow()?),
        ValType::I64 => Bits::I64(low),
        ValType::F64 => Bits::F64(low),
        ValType::V128 => Bits::V128(u128::from(high) << 64 | u128::from(low)),
        ValType::Ref(_) => Bits::Ref(low != 0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_type_cross_with_all_their_bits() {
        let pairs = [
            (ValType::I32, Bits::I32(u32::MAX)),
            (ValType::I64, Bits::I64(1 << 63 | 1)),
            (ValType::F32, Bits::F32(0xffa0_0001)),
            (ValType::F64, Bits::F64(0xfff4_0000_0000_0001)),
            (ValType::V128, Bits::V128(u128::MAX - (1 << 70))),
            (ValType::FUNCREF, Bits::Ref(true)),
            (ValType::FUNCREF, Bits::Ref(false)),
        ];
        for (ty, bits) in pairs {
            assert_eq!(value(ty, &slot(&bits)).unwrap(), bits);
        }
        assert!(value(ValType::I32, &["-1".into(), "0".into()]).is_err());
    }

    #[test]
    fn failures_mean_what_they_meant_before_they_were_written() {
        for ending in [
            Ending::Exception,
            Ending::Limited,
            Ending::Trapped("integer overflow".into()),
        ] {
            let done = Done::ended(ending.clone());
            assert_eq!(failure(&ran(&done).failure.unwrap()), ending);
        }
    }
}
