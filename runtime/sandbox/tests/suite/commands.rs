//! What becomes of commands: programs of WASI 0.1 and 0.2 that know nothing of Meterbox.

use std::path::Path;

use meterbox_tests as guests;

use crate::job::{Done, Job};

/// The same programs, as modules of WASI 0.1 and as components of WASI 0.2.
fn both(module: &'static Path, component: &'static Path) -> [Job; 2] {
    [Job::guest(module), Job::guest(component)]
}

#[test]
fn cat_copies_its_standard_input() {
    for size in [0usize, 1, 65_536, (3 << 20) + 7] {
        let bytes: Vec<u8> = (0..size)
            .map(|at| u8::try_from(at % 253).unwrap())
            .collect();
        for job in both(guests::cat(), guests::cat_component()) {
            let done = job.input("stdin", bytes.clone()).run();
            done.is_ok();
            assert!(done.outputs.get("stdout").map_or(&[][..], Vec::as_slice) == bytes);
            assert_eq!(done.measured.bytes_out, size as u64);
            assert!(done.measured.bytes_in >= size as u64);
        }
    }
}

#[test]
fn cat_without_an_input_reads_nothing() {
    for job in both(guests::cat(), guests::cat_component()) {
        let done = job.run();
        assert!(done.is_ok().outputs.is_empty());
    }
}

#[test]
fn an_exit_code_is_the_outcome() {
    let module = |code: &str| Job::guest(guests::exit_code()).argument(code).run();
    let done = module("7");
    assert_eq!(done.has_failed(Some(7)), "");
    assert_eq!(done.output("stdout"), b"exiting\n");
    assert_eq!(done.output("stderr"), b"with 7\n");
    assert!(done.units_run() > 0);
    module("255").has_failed(Some(255));
    module("0").is_ok();
    module("none").has_failed(Some(2));

    // WASI 0.2 knows success and failure only.
    let component = |code: &str| {
        Job::guest(guests::exit_code_component())
            .argument(code)
            .run()
    };
    let done = component("7");
    assert_eq!(done.has_failed(Some(1)), "");
    assert_eq!(done.output("stdout"), b"exiting\n");
    component("0").is_ok();
}

#[test]
fn a_component_can_exit_with_a_code_of_its_own() {
    let text = |code: u32| {
        format!(
            r#"(component
            (import "wasi:cli/exit@0.2.12" (instance $exit (export "exit-with-code" (func (param "status-code" u8)))))
            (core func $exit (canon lower (func $exit "exit-with-code")))
            (core module $m (import "" "exit" (func $exit (param i32)))
                (func (export "run") (result i32) (call $exit (i32.const {code})) unreachable))
            (core instance $m (instantiate $m (with "" (instance (export "exit" (func $exit))))))
            (func $run (result (result)) (canon lift (core func $m "run")))
            (instance $run (export "run" (func $run)))
            (export "wasi:cli/run@0.2.12" (instance $run)))"#
        )
    };
    Job::text(&text(0)).run().is_ok();
    Job::text(&text(9)).run().has_failed(Some(9));
}

#[test]
fn arguments_and_environment_are_the_orders() {
    for job in both(guests::env_and_args(), guests::env_and_args_component()) {
        let done = job
            .argument("two words")
            .argument("")
            .variable("TIDE", "high")
            .variable("EMPTY", "")
            .run();
        assert_eq!(
            done.is_ok().output_text("stdout"),
            "\"job\"\n\"two words\"\n\"\"\nTIDE=\"high\"\nEMPTY=\"\"\n"
        );
    }
}

#[test]
fn clocks_and_random_are_the_same_in_every_run() {
    for job in both(guests::clock(), guests::clock_component()) {
        let first = job.run();
        assert_eq!(first, job.run());
        let text = first.is_ok().output_text("stdout");
        assert!(
            text.contains("wall clock Ok(1700000000.") && text.contains("a minute took 60."),
            "{text}"
        );
        let other = job.seed(2).run();
        let lines = |text: &str| text.lines().map(str::to_string).collect::<Vec<_>>();
        let (first, other) = (lines(text), lines(other.is_ok().output_text("stdout")));
        assert_eq!(first[..3], other[..3]);
        assert_ne!(first[3], other[3]);
    }
}

#[test]
fn a_loop_without_end_is_billed_its_budget() {
    let done = Job::guest(guests::spin_wat())
        .limit(|limits| limits.instructions = 5_000_001)
        .run();
    done.is_limited("instructions");
    assert_eq!(done.units(), 5_000_001);
}

#[test]
fn traps_are_told_apart() {
    Job::guest(guests::unreachable_wat())
        .run()
        .is_trapped("unreachable");
    Job::guest(guests::start_traps_wat())
        .run()
        .is_trapped("division_by_zero");
}

#[test]
fn recursion_ends_at_the_stack_limit() {
    Job::guest(guests::recursion_wat())
        .run()
        .is_limited("stack_units");
}

#[test]
fn memory_ends_at_its_limit() {
    let done = Job::guest(guests::memory_hog_wat())
        .limit(|limits| limits.memory_bytes = 10 << 16)
        .run();
    done.is_trapped("unreachable");
    assert_eq!(done.measured.spent.memory_pages_peak, 10);
    assert_eq!(done.memory_refusals, 1);
}

#[test]
fn what_cannot_run_here_is_refused_by_name() {
    for (guest, says) in [
        (guests::unknown_import_wat(), "harbour.ring_the_bell"),
        (guests::threads_wat(), "threads"),
        (guests::gc_wat(), "gc"),
        (guests::nested_component_wat(), "nested component"),
        (guests::huge_memory_wat(), "4294967296 bytes"),
    ] {
        let said = Job::guest(guest).refusal();
        assert!(said.contains(says), "{said}");
    }
    let nothing = Job::text("(module (memory (export \"memory\") 1))").refusal();
    assert!(nothing.contains("nothing to run"), "{nothing}");
}

/// A command that makes calls of WASI 0.1, each of which has to answer with its error code: else it
/// exits with 1000 times the call's place, and the code.
pub fn answers_job(calls: &[(&str, u32)]) -> Job {
    let checks: String = (1..)
        .zip(calls)
        .map(|(place, (call, code))| {
            format!(
                "(if (i32.ne (local.tee $code (call ${call})) (i32.const {code}))
                    (then (call $proc_exit (i32.add (i32.const {place}000) (local.get $code)))))\n"
            )
        })
        .collect();
    let mut imports = String::new();
    for (name, ty) in crate::linker::WASI_0_1_TYPES {
        imports += &crate::linker::import_of(name, ty);
    }
    // At 0 a vector of the five bytes at 16; at 8 one that ends beyond the memory.
    Job::text(&format!(
        r#"(module {imports} (memory (export "memory") 1)
        (data (i32.const 0) "\10\00\00\00\05\00\00\00\fc\ff\00\00\05\00\00\00tides")
        (func (export "_start") (local $code i32) {checks}))"#
    ))
    .input("stdin", *b"0123456789")
}

fn answers(calls: &[(&str, u32)]) -> Done {
    answers_job(calls).run()
}

#[test]
fn bad_calls_of_wasi_0_1_get_codes_and_never_trap() {
    const BADF: u32 = 8;
    const FAULT: u32 = 21;
    const INVAL: u32 = 28;
    const NOSYS: u32 = 52;
    const SPIPE: u32 = 70;
    let done = answers(&[
        (
            "fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)",
            0,
        ),
        (
            "fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 64)",
            FAULT,
        ),
        (
            "fd_write (i32.const 1) (i32.const -4) (i32.const 1) (i32.const 64)",
            FAULT,
        ),
        (
            "fd_write (i32.const 1) (i32.const 0) (i32.const 1025) (i32.const 64)",
            INVAL,
        ),
        (
            "fd_write (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 64)",
            BADF,
        ),
        (
            "fd_write (i32.const 6) (i32.const 0) (i32.const 1) (i32.const 64)",
            BADF,
        ),
        (
            "fd_write (i32.const -1) (i32.const 0) (i32.const 1) (i32.const 64)",
            BADF,
        ),
        (
            "fd_read (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)",
            BADF,
        ),
        (
            "fd_read (i32.const 0) (i32.const 8) (i32.const 1) (i32.const 64)",
            FAULT,
        ),
        (
            "fd_seek (i32.const 1) (i64.const 0) (i32.const 0) (i32.const 64)",
            SPIPE,
        ),
        (
            "fd_seek (i32.const 6) (i64.const 0) (i32.const 0) (i32.const 64)",
            BADF,
        ),
        ("fd_prestat_get (i32.const 6) (i32.const 64)", BADF),
        ("fd_fdstat_get (i32.const 1) (i32.const 65520)", FAULT),
        ("args_get (i32.const 65533) (i32.const 64)", FAULT),
        ("random_get (i32.const 65530) (i32.const 7)", FAULT),
        ("random_get (i32.const 65530) (i32.const -1)", FAULT),
        ("random_get (i32.const 65530) (i32.const 6)", 0),
        ("clock_res_get (i32.const 2) (i32.const 64)", INVAL),
        (
            "clock_time_get (i32.const 3) (i64.const 0) (i32.const 64)",
            INVAL,
        ),
        (
            "poll_oneoff (i32.const 64) (i32.const 64) (i32.const 0) (i32.const 64)",
            INVAL,
        ),
        (
            "poll_oneoff (i32.const 64) (i32.const 64) (i32.const 1025) (i32.const 64)",
            INVAL,
        ),
        (
            "poll_oneoff (i32.const 65500) (i32.const 64) (i32.const 1) (i32.const 64)",
            FAULT,
        ),
        ("proc_raise (i32.const 9)", NOSYS),
        ("sched_yield", 0),
        ("fd_close (i32.const 1)", 0),
        ("fd_close (i32.const 1)", BADF),
        (
            "fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)",
            BADF,
        ),
        (
            "fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 64)",
            0,
        ),
        (
            "fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 64)",
            0,
        ),
        (
            "fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 64)",
            0,
        ),
    ]);
    done.is_ok();
    assert_eq!(done.output("stdout"), b"tides");
    assert_eq!(done.output("stderr"), b"tides01234");
}

/// Runs a C program, or says why not.
fn c_program(name: &str) -> Option<Job> {
    match guests::c_program(name) {
        Ok(path) => Some(Job::guest(&path)),
        Err(reason) => {
            println!("skipped {name}: {reason}");
            None
        }
    }
}

#[test]
fn a_plain_c_program_runs_unmodified_and_is_billed() {
    let Some(plain) = c_program("plain") else {
        return;
    };
    let done = plain.input("stdin", *b"30\n4\n-1\n").run();
    assert_eq!(
        done.is_ok().output_text("stdout"),
        "-1\n4\n30\nmean 11.000\n"
    );
    assert!(done.units_run() > 1_000);
}

#[test]
fn a_c_program_that_exits_has_its_code() {
    let Some(exit3) = c_program("exit3") else {
        return;
    };
    let done = exit3.run();
    done.has_failed(Some(3));
    assert_eq!(done.output("stderr"), b"leaving with 3\n");
}

#[test]
fn a_c_program_that_traps_after_a_loop_is_billed_for_the_loop() {
    let Some(program) = c_program("trap_after_loop") else {
        return;
    };
    let run = |rounds: &str| -> Done {
        let done = program.clone().argument(rounds).run();
        done.is_trapped("out_of_bounds_memory");
        done
    };
    let [one, two, three] = ["1000000", "2000000", "3000000"].map(run);
    assert!(two.units() - one.units() >= 6_000_000);
    // Each prints ten digits, so that they differ in the loop only.
    for done in [&one, &two, &three] {
        assert_eq!(done.output("stdout").len(), 11);
    }
    assert_eq!(three.units() - two.units(), two.units() - one.units());
}
