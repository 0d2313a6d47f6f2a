//! What workers report, and whether it is true.

use std::os::fd::AsFd as _;

use meterbox_isolation::{Finding, Layer, Layers, Role, Standing, Worker, verify};

use crate::fixture::{Outcome, fork, is_root, runner, tell, zygote};

#[test]
fn every_layer_that_is_reported_holds() {
    let zygote = zygote(Layers::ALL);
    for role in [Role::Runner, Role::Compiler, Role::Inference] {
        let worker = fork(&zygote, role);
        let verification = verify(worker.pid(), worker.report());
        for (layer, finding) in verification.findings() {
            let standing = worker.report().standing(*layer);
            let why = standing.why_not().unwrap_or_default();
            println!("{role}: {layer}: {standing:?} {why}: {finding:?}");
        }
        assert_eq!(verification.contradicted().collect::<Vec<_>>(), []);
        assert_ne!(
            worker.report().standing(Layer::NoNewPrivileges),
            Standing::SwitchedOff
        );
        let ordinary = worker.report().standing(Layer::OrdinaryUser) == Standing::Active;
        if is_root() && ordinary {
            let unseen = |finding: &Finding| matches!(finding, Finding::Unseen { .. });
            let layers: Vec<Layer> = verification
                .findings()
                .iter()
                .filter(|(_, finding)| unseen(finding))
                .map(|(layer, _)| *layer)
                .collect();
            assert!(
                layers
                    .iter()
                    .all(|l| matches!(l, Layer::Landlock | Layer::DiesWithParent)),
                "{layers:?}"
            );
        }
    }
}

#[test]
fn a_layer_that_is_left_out_is_reported_so() {
    for layer in Layer::ALL {
        let worker = runner(&zygote(Layers::ALL.without(layer)));
        let standing = worker.report().standing(layer);
        // Two others cannot be put up without this one.
        let expected = match layer {
            Layer::NoNewPrivileges => Standing::Active,
            _ => Standing::SwitchedOff,
        };
        assert_eq!(standing, expected, "{layer}");
    }
}

#[test]
fn a_false_report_is_contradicted() {
    // Everything that one worker says it has, looked for in one that has nothing.
    let armed = zygote(Layers::ALL);
    let bare = zygote(Layers::NONE);
    let (honest, exposed) = (runner(&armed), runner(&bare));
    assert_eq!(exposed.report().active(), Layers::NONE);
    let verification = verify(exposed.pid(), honest.report());
    let contradicted: Vec<Layer> = verification.contradicted().collect();
    for layer in [
        Layer::NoNewPrivileges,
        Layer::CapabilityBound,
        Layer::Seccomp,
        Layer::UserNamespace,
        Layer::MountNamespace,
        Layer::NetworkNamespace,
        Layer::PidNamespace,
        Layer::IpcNamespace,
        Layer::UtsNamespace,
        Layer::CgroupNamespace,
        Layer::EmptyEnvironment,
    ] {
        if honest.report().standing(layer) == Standing::Active {
            assert!(contradicted.contains(&layer), "{layer}: {contradicted:?}");
        } else {
            println!("skipped: this kernel has no {layer}");
        }
    }
}

#[test]
fn of_a_process_that_is_gone_nothing_is_confirmed() {
    let zygote = zygote(Layers::ALL);
    let worker = runner(&zygote);
    let verification = verify(u32::MAX, worker.report());
    let confirmed = |finding: &Finding| *finding == Finding::Confirmed;
    assert!(
        !verification
            .findings()
            .iter()
            .any(|(_, finding)| confirmed(finding))
    );
}

#[test]
fn a_worker_may_duplicate_its_channel_and_may_have_nothing_else_open() {
    let zygote = zygote(Layers::ALL);
    let mut worker = runner(&zygote);
    let seen = |worker: &Worker| {
        let verification = verify(worker.pid(), worker.report());
        let findings = verification.findings().to_vec();
        let found = findings
            .into_iter()
            .find(|(layer, _)| *layer == Layer::ClosedDescriptors);
        found.expect("every layer is looked for").1
    };
    assert_eq!(tell(&mut worker, "duplicate", &[]), done("4"));
    if let Finding::Unseen { why } = seen(&worker) {
        println!("skipped: who is not root does not see what workers have open: {why}");
        return;
    }
    assert_eq!(seen(&worker), Finding::Confirmed);
    let file = std::fs::File::open("/dev/zero").unwrap();
    assert_eq!(tell(&mut worker, "keep", &[file.as_fd()]), done("1"));
    let Finding::Contradicted { found } = seen(&worker) else {
        panic!("a file is open");
    };
    assert!(found.ends_with(" is /dev/zero"), "{found}");
}

fn done(detail: &str) -> Outcome {
    Outcome::Done(detail.to_owned())
}
