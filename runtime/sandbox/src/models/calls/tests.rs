#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Mutex;

use meterbox_inference::ElementType;

use super::*;

/// A model that gives `answer`, and says what was done with it.
struct Fake {
    facts: ModelFacts,
    answer: Answer<u8>,
    log: Arc<Mutex<Vec<String>>>,
}

/// Keeps one model, on the CPU.
struct Keeps {
    answer: Answer<u8>,
    log: Arc<Mutex<Vec<String>>>,
}

fn tensor(byte: u8) -> Tensor {
    Tensor::new(vec![1], ElementType::U8, vec![byte]).unwrap()
}

fn named(byte: u8) -> Tensors {
    vec![("out".into(), tensor(byte))]
}

impl Keeps {
    fn opened(&self) -> Arc<dyn OpenModel> {
        Arc::new(Fake {
            facts: ModelFacts {
                sha256: [7; 32],
                size_bytes: 1,
                preparation_units: 1,
                inputs: vec!["in".into()],
                outputs: vec!["out".into()],
                not_bit_exact: None,
                unpassable: None,
            },
            answer: self.answer.clone(),
            log: Arc::clone(&self.log),
        })
    }
}

impl Models for Keeps {
    fn open(&self, _: &Source<'_>, device: Device) -> Answer<Arc<dyn OpenModel>> {
        self.log.lock().unwrap().push(format!("open {device:?}"));
        match device {
            Device::Cpu => Ok(Ok(self.opened())),
            Device::Gpu => Err(HostEnd::NoDevice),
        }
    }

    fn open_for_costs(&self, _: &Source<'_>) -> Answer<Arc<dyn OpenModel>> {
        self.log.lock().unwrap().push("open for costs".into());
        Ok(Ok(self.opened()))
    }
}

impl OpenModel for Fake {
    fn facts(&self) -> &ModelFacts {
        &self.facts
    }

    fn cost(&self, _: &[InputShape<'_>]) -> Answer<Cost> {
        Ok(Ok(Cost::default()))
    }

    fn compute(&self, call: Computation<'_>) -> Answer<Tensors> {
        self.log.lock().unwrap().push("compute".into());
        (call.meanwhile)(&call.inputs);
        Ok(self.answer.clone()?.map(named))
    }
}

/// Plans as it is told, and writes down what it is told.
struct Embedder {
    computes: Computes,
    plan: fn(u64) -> Plan,
    log: Arc<Mutex<Vec<String>>>,
}

impl Calls for Embedder {
    fn begin(&self) -> Result<(), EndRun> {
        self.log.lock().unwrap().push("begin".into());
        Ok(())
    }

    fn computes(&self) -> Computes {
        self.computes
    }

    fn plan(&self, call: &ModelCall<'_>, inputs: &[(String, Tensor)]) -> Result<Plan, EndRun> {
        assert_eq!(
            (call.model, call.outputs),
            ([7; 32], &["out".to_owned()][..])
        );
        assert_eq!(inputs, [("in".to_owned(), tensor(1))]);
        Ok((self.plan)(call.number))
    }

    fn computed(&self, call: &ModelCall<'_>, given: &Given) -> Result<(), EndRun> {
        let line = format!("{} computed {}", call.number, shown(given));
        self.log.lock().unwrap().push(line);
        if call.number == 9 {
            return Err(EndRun("the disk is full".into()));
        }
        Ok(())
    }

    fn compared(
        &self,
        call: &ModelCall<'_>,
        given: &Given,
        computed: &Given,
    ) -> Result<(), EndRun> {
        let line = format!(
            "{} compared {} with {}",
            call.number,
            shown(given),
            shown(computed)
        );
        self.log.lock().unwrap().push(line);
        Ok(())
    }
}

fn shown(given: &Given) -> String {
    match given {
        Ok(outputs) => format!("{:?}", outputs[0].1.data()),
        Err(code) => format!("{code:?}"),
    }
}

struct Watched {
    models: Interposed,
    log: Arc<Mutex<Vec<String>>>,
}

fn seen(computes: Computes, plan: fn(u64) -> Plan, answer: Answer<u8>) -> Watched {
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let keeps = Arc::new(Keeps {
        answer,
        log: Arc::clone(&log),
    });
    let embedder = Arc::new(Embedder {
        computes,
        plan,
        log: Arc::clone(&log),
    });
    let models = Interposed::begin(keeps, embedder).unwrap();
    Watched { models, log }
}

impl Watched {
    fn open(&self, device: Device) -> Answer<Arc<dyn OpenModel>> {
        let source = Source::Given {
            sha256: [7; 32],
            bytes: b"m",
        };
        self.models.open(&source, device)
    }

    /// Calls a model once, and gives what the guest is given, with whether its inputs were shown.
    fn call(&self, model: &Arc<dyn OpenModel>) -> (Answer<u8>, u32) {
        let mut shown = 0;
        let inputs = vec![("in".to_owned(), tensor(1))];
        let given = model.compute(Computation {
            inputs,
            output_bytes: 0,
            meanwhile: &mut |inputs| {
                assert_eq!(inputs.len(), 1);
                shown += 1;
            },
        });
        let given = given.map(|given| given.map(|outputs| outputs[0].1.data()[0]));
        (given, shown)
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

fn denied(code: NnCode) -> Denied {
    Denied {
        code,
        reason: "words of the backend".into(),
    }
}

#[test]
fn an_embedder_is_told_each_call_in_its_order_with_what_it_gave() {
    let watched = seen(Computes::All, |_| Plan::Compute, Ok(Ok(5)));
    let (one, other) = (
        watched.open(Device::Cpu).unwrap().unwrap(),
        watched.open(Device::Cpu).unwrap().unwrap(),
    );
    for model in [&one, &other, &one] {
        assert_eq!(watched.call(model), (Ok(Ok(5)), 1));
    }
    let told: Vec<String> = watched
        .log()
        .into_iter()
        .filter(|line| line.contains("computed"))
        .collect();
    assert_eq!(told, ["0 computed [5]", "1 computed [5]", "2 computed [5]"]);
    assert_eq!(watched.log()[0], "begin");
}

#[test]
fn an_embedder_is_told_a_failed_call_by_the_code_that_the_guest_gets() {
    let failure = denied(NnCode::RuntimeError);
    let watched = seen(Computes::All, |_| Plan::Compute, Ok(Err(failure.clone())));
    let model = watched.open(Device::Cpu).unwrap().unwrap();
    assert_eq!(watched.call(&model), (Ok(Err(failure)), 1));
    assert_eq!(watched.log().last().unwrap(), "0 computed RuntimeError");
    // A failure of the host is nobody's answer.
    let broken = seen(
        Computes::All,
        |_| Plan::Compute,
        Err(HostEnd::Fault("died".into())),
    );
    let model = broken.open(Device::Cpu).unwrap().unwrap();
    assert_eq!(broken.call(&model).0, Err(HostEnd::Fault("died".into())));
    assert_eq!(broken.log().last().unwrap(), "compute");
}

#[test]
fn what_an_embedder_gives_reaches_the_guest_and_nothing_is_computed() {
    let plan = |number| match number {
        0 => Plan::Give(Ok(named(9))),
        _ => Plan::Give(Err(NnCode::TooLarge)),
    };
    // On a device that is not there.
    let watched = seen(Computes::None, plan, Ok(Ok(5)));
    let model = watched.open(Device::Gpu).unwrap().unwrap();
    assert_eq!(watched.call(&model), (Ok(Ok(9)), 1));
    let (given, shown) = watched.call(&model);
    assert_eq!(
        (given.unwrap().unwrap_err().code, shown),
        (NnCode::TooLarge, 1)
    );
    assert_eq!(watched.log(), ["begin", "open for costs"]);
}

#[test]
fn a_compared_call_is_computed_and_the_guest_is_given_what_is_recorded() {
    let plan = |number| match number {
        0 => Plan::Give(Ok(named(1))),
        1 => Plan::Compare(Ok(named(2))),
        _ => Plan::Compare(Err(NnCode::RuntimeError)),
    };
    let watched = seen(Computes::Some, plan, Ok(Ok(5)));
    let model = watched.open(Device::Cpu).unwrap().unwrap();
    assert_eq!(watched.call(&model), (Ok(Ok(1)), 1));
    assert_eq!(watched.call(&model), (Ok(Ok(2)), 1));
    let (given, shown) = watched.call(&model);
    assert_eq!(
        (given.unwrap().unwrap_err().code, shown),
        (NnCode::RuntimeError, 1)
    );
    assert_eq!(
        watched.log()[3..],
        [
            "compute",
            "1 compared [2] with [5]",
            "compute",
            "2 compared RuntimeError with [5]"
        ]
    );
}

#[test]
fn a_device_that_is_not_there_matters_once_there_is_something_to_compute() {
    let plan = |number| match number {
        0 => Plan::Give(Ok(named(1))),
        _ => Plan::Compare(Ok(named(2))),
    };
    let watched = seen(Computes::Some, plan, Ok(Ok(5)));
    let model = watched.open(Device::Gpu).unwrap().unwrap();
    assert_eq!(watched.call(&model).0, Ok(Ok(1)));
    assert_eq!(watched.call(&model).0, Err(HostEnd::NoDevice));
    // Whoever wants all of them computed learns it at once.
    let watched = seen(Computes::All, plan, Ok(Ok(5)));
    assert_eq!(watched.open(Device::Gpu).err(), Some(HostEnd::NoDevice));
}

#[test]
fn an_embedder_that_fails_ends_the_run_as_a_fault_in_its_words() {
    let watched = seen(Computes::All, |_| Plan::Compute, Ok(Ok(5)));
    let model = watched.open(Device::Cpu).unwrap().unwrap();
    for _ in 0..9 {
        assert_eq!(watched.call(&model).0, Ok(Ok(5)));
    }
    let end = HostEnd::Fault("the disk is full".into());
    assert_eq!(watched.call(&model).0, Err(end));
}
