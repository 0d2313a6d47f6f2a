//! Models that another process keeps, seen from a run. Asks one thing at a time, and waits for the answer.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use meterbox_inference::{Cost, InputShape};

use super::arena::{Arena, Region};
use super::exchange::{ALIGNMENT, CALL_ROOM, Layout};
use super::wire::{Answered, Ask, Content, Opened, ShapePart, TensorPart, cost_of, laid_out, take};
use super::{
    Answer, Computation, Denied, Device, ModelFacts, Models, OpenModel, Source, Tensors, patience,
};
use crate::host::wide;
use crate::job::Input;
use crate::locks::locked;
use crate::models::NnCode;
use crate::tally::HostEnd;

/// Costs that are remembered of each model: a job computes with one or two shapes.
const COSTS_MAX: usize = 64;

/// The way to whoever answers.
pub(crate) trait Line: Send + Sync {
    /// Asks. In words, why that cannot be.
    fn ask(&self, ask: &Ask) -> Result<(), String>;

    /// Waits so long for the answer; none if there is none by then.
    fn answer_within(&self, _time: Duration) -> Result<Option<(Answered, Option<File>)>, String> {
        Ok(None)
    }

    /// Waits for the answer to what was asked last. With it may come a file.
    fn answer(&self) -> Result<(Answered, Option<File>), String>;
}

fn ask(line: &dyn Line, ask: &Ask) -> Result<(Answered, Option<File>), HostEnd> {
    line.ask(ask).map_err(silent)?;
    line.answer().map_err(silent)
}

/// The models of one run.
pub(crate) struct Remote {
    line: Arc<dyn Line>,
    /// Of which inputs are named by their number.
    inputs: Vec<[u8; 32]>,
    /// The memory that tensors are handed over in, one for each process that computes for the run: none sees what
    /// another is given.
    arenas: Mutex<Vec<Arc<Arena>>>,
    latest: Arc<Latest>,
    reads: Reads,
    opened: Mutex<u32>,
}

/// What the latest call was about.
#[derive(Default)]
struct Latest(Mutex<LatestCall>);

#[derive(Default)]
struct LatestCall {
    arena: Option<Arc<Arena>>,
    /// What a call gave, and where. It lies where it is until the next one has been answered, whatever becomes of it
    /// here: who answers reads it once more.
    gave: Option<(Arc<Arena>, Vec<Bytes>)>,
}

impl Latest {
    /// The memory is used now. What another one has taken is given back: a run has as many as it has processes.
    fn uses(&self, arena: &Arc<Arena>) {
        let before = locked(&self.0).arena.replace(Arc::clone(arena));
        trim_other(before, arena);
    }

    /// Bytes that the last call gave.
    fn output_bytes(&self) -> u64 {
        let latest = locked(&self.0);
        let parts = latest.gave.iter().flat_map(|(_, parts)| parts);
        parts.map(|part| wide(part.len())).sum()
    }

    fn gave(&self, arena: &Arc<Arena>, parts: Vec<Bytes>) {
        let before = locked(&self.0).gave.replace((Arc::clone(arena), parts));
        trim_other(before.map(|(before, _)| before), arena);
    }
}

fn trim_other(before: Option<Arc<Arena>>, arena: &Arc<Arena>) {
    if let Some(before) = before
        && !Arc::ptr_eq(&before, arena)
    {
        before.trim();
    }
}

/// Who reads what models gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// A run, where it was put.
    There,
    /// Somebody who counts on it: a copy.
    Copies,
}

struct RemoteModel {
    number: u32,
    facts: ModelFacts,
    line: Arc<dyn Line>,
    arena: Arc<Arena>,
    /// In which tensors are kept that the guest gives.
    first: Arc<Arena>,
    latest: Arc<Latest>,
    reads: Reads,
    costs: Mutex<HashMap<Vec<ShapePart>, Cost>>,
}

impl Remote {
    pub(crate) fn new(line: Arc<dyn Line>, inputs: &[Input], reads: Reads) -> Remote {
        Remote {
            line,
            inputs: inputs.iter().map(|input| input.sha256).collect(),
            arenas: Mutex::default(),
            latest: Arc::default(),
            reads,
            opened: Mutex::new(0),
        }
    }

    /// The first memory, in which models are handed over that the guest brings.
    fn first_arena(&self) -> Result<Arc<Arena>, HostEnd> {
        if let Some(first) = locked(&self.arenas).first() {
            return Ok(Arc::clone(first));
        }
        match ask(&*self.line, &Ask::Exchange)? {
            (Answered::Exchange, Some(file)) => self.arena(0, Some(&file)),
            (Answered::Stopped(by), _) => Err(HostEnd::Stopped(by)),
            _ => Err(confused()),
        }
    }

    /// The memory of this number, which the file is if it is new.
    fn arena(&self, number: u32, file: Option<&File>) -> Result<Arc<Arena>, HostEnd> {
        let number = usize::try_from(number).map_err(|_| confused())?;
        let mut arenas = locked(&self.arenas);
        if let Some(arena) = arenas.get(number) {
            return Ok(Arc::clone(arena));
        }
        let file = file.filter(|_| number == arenas.len());
        let arena = Arena::open(file.ok_or_else(confused)?).map_err(|error| {
            HostEnd::Fault(format!("the memory for tensors cannot be used: {error}"))
        })?;
        let arena = Arc::new(arena);
        arenas.push(Arc::clone(&arena));
        Ok(arena)
    }
}

fn confused() -> HostEnd {
    HostEnd::Fault("what keeps models answers something else than it was asked".into())
}

fn silent(reason: String) -> HostEnd {
    HostEnd::Fault(format!("what keeps models does not answer: {reason}"))
}

impl Models for Remote {
    fn open(&self, source: &Source<'_>, device: Device) -> Answer<Arc<dyn OpenModel>> {
        let first = self.first_arena()?;
        let (content, sha256) = match source {
            Source::Input(input) => {
                let number = self.inputs.iter().position(|one| *one == input.sha256);
                let number = number.and_then(|number| u32::try_from(number).ok());
                (Content::Input(number.ok_or_else(confused)?), input.sha256)
            }
            Source::Given { sha256, bytes } => {
                let content = Content::Exchange {
                    bytes: wide(bytes.len()),
                };
                let too_large = || HostEnd::Limit("model_bytes");
                let written = first.exchange().write(CALL_ROOM.at, bytes);
                written.map_err(|_| too_large())?;
                (content, *sha256)
            }
        };
        let open = Ask::Open {
            content,
            sha256,
            device,
        };
        let (answered, file) = ask(&*self.line, &open)?;
        match answered {
            Answered::Opened(Ok(Opened { facts, exchange })) => {
                let arena = self.arena(exchange, file.as_ref())?;
                let mut opened = locked(&self.opened);
                let number = *opened;
                *opened = number.checked_add(1).ok_or_else(confused)?;
                Ok(Ok(Arc::new(RemoteModel {
                    number,
                    facts,
                    line: Arc::clone(&self.line),
                    arena,
                    first,
                    latest: Arc::clone(&self.latest),
                    reads: self.reads,
                    costs: Mutex::default(),
                })))
            }
            Answered::Opened(Err(denied)) => Ok(Err(denied)),
            Answered::NoDevice => Err(HostEnd::NoDevice),
            Answered::Unable(reason) => Err(HostEnd::Unable(reason)),
            Answered::Stopped(by) => Err(HostEnd::Stopped(by)),
            _ => Err(confused()),
        }
    }

    fn keep(&self, data: &[u8]) -> Bytes {
        // The owner's: what is given for a model of another process is handed over to it when it is called.
        let first = locked(&self.arenas).first().map(Arc::clone);
        let kept = first.and_then(|first| first.keep(data));
        kept.unwrap_or_else(|| Bytes::copy_from_slice(data))
    }
}

/// Tensors that a process of models can read, and the regions that they were put into for that.
struct Handed {
    parts: Vec<TensorPart>,
    _regions: Vec<Region>,
}

impl Handed {
    /// What is kept in the process's memory stays where it is. None if the rest has no room.
    fn over(arena: &Arc<Arena>, tensors: &Tensors) -> Option<Handed> {
        let mut regions = Vec::new();
        let mut passing = Layout::from(CALL_ROOM.at);
        let parts = tensors.iter().map(|(name, tensor)| {
            let at = match arena.place_of(tensor.bytes()) {
                Some(at) => at,
                None => {
                    let bytes = wide(tensor.data().len());
                    let at = match arena.reserve(bytes) {
                        Some(region) => {
                            let at = region.room().at;
                            regions.push(region);
                            at
                        }
                        None => passing.next(bytes),
                    };
                    arena.exchange().write(at, tensor.data()).ok()?;
                    at
                }
            };
            Some(TensorPart::of(name, tensor, at))
        });
        Some(Handed {
            parts: parts.collect::<Option<_>>()?,
            _regions: regions,
        })
    }
}

impl OpenModel for RemoteModel {
    fn facts(&self) -> &ModelFacts {
        &self.facts
    }

    fn cost(&self, inputs: &[InputShape<'_>]) -> Answer<Cost> {
        let shapes: Vec<ShapePart> = inputs.iter().map(ShapePart::of).collect();
        let known = |costs: &HashMap<_, Cost>| costs.get(&shapes).copied();
        if let Some(cost) = known(&locked(&self.costs)) {
            return Ok(Ok(cost));
        }
        let question = Ask::Cost {
            model: self.number,
            shapes: shapes.clone(),
        };
        match ask(&*self.line, &question)?.0 {
            Answered::Costs(Ok(cost)) => {
                let cost = cost_of(cost);
                let mut costs = locked(&self.costs);
                if costs.len() < COSTS_MAX {
                    costs.insert(shapes, cost);
                }
                Ok(Ok(cost))
            }
            Answered::Costs(Err(denied)) => Ok(Err(denied)),
            Answered::NoDevice => Err(HostEnd::NoDevice),
            Answered::Unable(reason) => Err(HostEnd::Unable(reason)),
            Answered::Stopped(by) => Err(HostEnd::Stopped(by)),
            _ => Err(confused()),
        }
    }

    fn compute(&self, call: Computation<'_>) -> Answer<Tensors> {
        let Computation {
            inputs,
            output_bytes,
            meanwhile,
        } = call;
        self.latest.uses(&self.arena);
        let Some(mut handed) = Handed::over(&self.arena, &inputs) else {
            return Ok(Err(Denied {
                code: NnCode::TooLarge,
                reason: "its inputs are too large to be handed over".into(),
            }));
        };
        let region = self.reserve(output_bytes);
        let order = Ask::Compute {
            model: self.number,
            inputs: std::mem::take(&mut handed.parts),
            room: region.as_ref().map_or(CALL_ROOM, Region::room),
        };
        self.line.ask(&order).map_err(silent)?;
        let data = inputs.iter().map(|(_, tensor)| wide(tensor.data().len()));
        let bytes = data.sum::<u64>() + self.latest.output_bytes();
        let lacking = region.as_ref().map_or_else(Vec::new, Arena::lacking);
        let lacks: u64 = lacking.iter().map(|room| room.bytes).sum();
        let patience = patience(bytes + lacks);
        let mut early = self.line.answer_within(patience).map_err(silent)?;
        for room in lacking {
            if early.is_some() {
                break;
            }
            self.arena.touch(room);
            early = self.line.answer_within(Duration::ZERO).map_err(silent)?;
        }
        meanwhile(&inputs);
        let answered = match early {
            Some((answered, _)) => answered,
            None => self.line.answer().map_err(silent)?.0,
        };
        // The process has read them.
        drop((inputs, handed));
        if !Arc::ptr_eq(&self.first, &self.arena) {
            self.first.trim();
        }
        match answered {
            Answered::Computed(Ok(parts)) => {
                let outputs = match region {
                    Some(region) => self.read(region, parts),
                    None => take(self.arena.exchange(), parts),
                };
                Ok(Ok(outputs.ok_or_else(confused)?))
            }
            Answered::Computed(Err(denied)) => Ok(Err(denied)),
            Answered::NoDevice => Err(HostEnd::NoDevice),
            Answered::Unable(reason) => Err(HostEnd::Unable(reason)),
            Answered::Stopped(by) => Err(HostEnd::Stopped(by)),
            _ => Err(confused()),
        }
    }
}

impl RemoteModel {
    /// Room for outputs whose data takes so many bytes: all but the first may have to begin a little later.
    fn reserve(&self, output_bytes: u64) -> Option<Region> {
        if self.reads == Reads::Copies {
            return None;
        }
        let between = wide(self.facts.outputs.len().saturating_sub(1)).saturating_mul(ALIGNMENT);
        self.arena.reserve(output_bytes.saturating_add(between))
    }

    /// Tensors that were put into a region, where they lie. None if they lie elsewhere.
    fn read(&self, region: Region, parts: Vec<TensorPart>) -> Option<Tensors> {
        let (places, _) = laid_out(&parts, region.room())?;
        let data = region.into_parts(&places)?;
        self.latest.gave(&self.arena, data.clone());
        let tensors = parts.into_iter().zip(data);
        tensors.map(|(part, data)| part.tensor(data)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::exchange::tests::{bytes_in_memory, can_find_beforehand};
    use super::super::exchange::{ARENA_BYTES, Exchange, ExchangeFile, Room};
    use super::super::wire::put;
    use super::*;
    use meterbox_inference::{ElementType, Tensor};

    /// Answers a model's input with itself, twice: each model with a memory of its own.
    struct Twice {
        files: [ExchangeFile; 2],
        asked: Mutex<Option<Ask>>,
        opened: Mutex<u32>,
        rooms: Mutex<Vec<Room>>,
        /// Whether the answer is there as soon as it is asked for.
        is_early: Mutex<bool>,
    }

    impl Line for Arc<Twice> {
        fn answer_within(&self, _: Duration) -> Result<Option<(Answered, Option<File>)>, String> {
            let is_early = *locked(&self.is_early);
            is_early.then(|| self.answer()).transpose()
        }

        fn ask(&self, ask: &Ask) -> Result<(), String> {
            *locked(&self.asked) = Some(ask.clone());
            Ok(())
        }

        fn answer(&self) -> Result<(Answered, Option<File>), String> {
            let file = |at: usize| Some(self.files[at].0.try_clone().unwrap());
            Ok(match locked(&self.asked).take().unwrap() {
                Ask::Exchange => (Answered::Exchange, file(0)),
                Ask::Open { sha256, .. } => {
                    let facts = ModelFacts {
                        sha256,
                        size_bytes: 1,
                        preparation_units: 1,
                        inputs: vec!["x".into()],
                        outputs: vec!["y".into(), "z".into()],
                        not_bit_exact: None,
                        unpassable: None,
                    };
                    let exchange = *locked(&self.opened);
                    *locked(&self.opened) += 1;
                    let opened = Opened { facts, exchange };
                    let new = file(exchange as usize).filter(|_| exchange > 0);
                    (Answered::Opened(Ok(opened)), new)
                }
                Ask::Compute {
                    model,
                    inputs,
                    room,
                } => {
                    let exchange = Exchange::open(&file(model as usize).unwrap()).unwrap();
                    locked(&self.rooms).push(room);
                    let given = take(&exchange, inputs).unwrap();
                    let outputs = [&given[0], &given[0]].map(Clone::clone).to_vec();
                    let parts = put(&exchange, &outputs, room).unwrap();
                    (Answered::Computed(Ok(parts)), None)
                }
                Ask::Cost { .. } => panic!("nobody asks for costs"),
            })
        }
    }

    fn twice(reads: Reads) -> (Arc<Twice>, Remote) {
        let line = Arc::new(Twice {
            files: [(); 2].map(|()| ExchangeFile::new().unwrap()),
            asked: Mutex::default(),
            opened: Mutex::default(),
            rooms: Mutex::default(),
            is_early: Mutex::default(),
        });
        let remote = Remote::new(Arc::new(Arc::clone(&line)), &[], reads);
        (line, remote)
    }

    fn open(remote: &Remote) -> Arc<dyn OpenModel> {
        let source = Source::Given {
            sha256: [1; 32],
            bytes: b"a model",
        };
        remote.open(&source, Device::Cpu).unwrap().unwrap()
    }

    fn compute(model: &Arc<dyn OpenModel>, data: Bytes) -> Tensors {
        let (length, expected) = (data.len(), data.to_vec());
        let dimensions = vec![u32::try_from(length).unwrap()];
        let tensor = Tensor::new(dimensions, ElementType::U8, data).unwrap();
        let inputs = vec![("x".into(), tensor)];
        let outputs = model.compute(Computation {
            inputs,
            output_bytes: 2 * wide(length),
            meanwhile: &mut |_| (),
        });
        let outputs = outputs.unwrap().unwrap();
        assert!(outputs.iter().all(|(_, tensor)| tensor.data() == expected));
        outputs
    }

    #[test]
    fn calls_give_the_same_however_full_the_memory_is() {
        let (line, remote) = twice(Reads::There);
        let model = open(&remote);
        let arena = remote.first_arena().unwrap();
        let elsewhere = Bytes::from(vec![3; 1_000]);
        let kept = remote.keep(&[4; 1_000]);
        assert!(arena.place_of(&kept).is_some());
        let mut given = Vec::new();
        // With room for all, for what goes in only, and for nothing.
        for leave in [1 << 20, 1_024, 0] {
            let left = (leave > 0).then(|| arena.reserve(leave).unwrap());
            let mut taken = Vec::new();
            for bytes in (6..64).rev().map(|bits| 1 << bits) {
                taken.extend(std::iter::from_fn(|| arena.reserve(bytes)));
            }
            drop(left);
            for data in [&elsewhere, &kept] {
                given.push((compute(&model, data.clone()), data.clone()));
            }
        }
        // What was given first is still what it was.
        for (outputs, data) in given {
            assert!(outputs.iter().all(|(_, tensor)| *tensor.bytes() == data));
        }
        let rooms = locked(&line.rooms);
        let in_arena = rooms.iter().filter(|room| room.at < ARENA_BYTES).count();
        assert_eq!((in_arena, rooms.len()), (2, 6));
    }

    #[test]
    fn who_counts_on_what_models_gave_has_a_copy() {
        let (line, remote) = twice(Reads::Copies);
        let outputs = compute(&open(&remote), Bytes::from_static(b"given"));
        assert_eq!(locked(&line.rooms)[..], [CALL_ROOM]);
        let there = Exchange::open(&line.files[0].0).unwrap();
        there.write(CALL_ROOM.at, b"other").unwrap();
        assert_eq!(outputs[0].1.data(), b"given");
    }

    #[test]
    fn memory_for_outputs_is_found_while_there_is_no_answer() {
        let (line, remote) = twice(Reads::There);
        let model = open(&remote);
        let call = |output_bytes| {
            let tensor = Tensor::new(vec![1], ElementType::U8, vec![1]).unwrap();
            let outputs = model.compute(Computation {
                inputs: vec![("x".into(), tensor)],
                output_bytes,
                meanwhile: &mut |_| (),
            });
            assert_eq!(outputs.unwrap().unwrap().len(), 2);
            bytes_in_memory(&line.files[0]) >> 20
        };
        *locked(&line.is_early) = true;
        assert_eq!(call(4 << 20), 0);
        *locked(&line.is_early) = false;
        let found = if can_find_beforehand() { 8 } else { 0 };
        assert!((found..=found + 1).contains(&call(12 << 20)));
    }

    #[test]
    fn what_a_memory_has_taken_is_given_back_once_another_is_used() {
        let (line, remote) = twice(Reads::There);
        let models = [open(&remote), open(&remote)];
        let megabytes = |at: usize| bytes_in_memory(&line.files[at]) >> 20;
        let large = vec![5; 8 << 20];
        for _ in 0..2 {
            for (at, model) in models.iter().enumerate() {
                // In the first memory, whichever model it is for.
                drop(compute(model, remote.keep(&large)));
                assert!(megabytes(at) >= 16);
                assert_eq!(megabytes(1 - at), 0, "{at}");
            }
        }
    }
}
