//! Files in `/in`, `/out` and `/tmp`: what standard libraries of two languages do with them comes to
//! the same as on this machine's own file system.

use std::fmt::Write as _;
use std::process::Command;
use std::{fs, io};

use meterbox_tests as guests;

use crate::commands::answers_job;
use crate::job::Job;

/// The guest's own source, which does the same here.
#[path = "../../../../tests/guests/commands/src/bin/files.rs"]
#[allow(clippy::unwrap_used, clippy::print_stdout, reason = "it is a guest")]
mod native;

const INPUTS: [(&str, &str); 3] = [
    ("notes/one.txt", "first"),
    ("notes/two.txt", "second"),
    ("table.csv", "1,2"),
];

fn with_inputs(mut job: Job) -> Job {
    for (name, content) in INPUTS {
        job = job.input(name, content.as_bytes().to_vec());
    }
    job
}

/// What differs, line by line.
fn differences(here: &str, there: &str) -> String {
    let mut text = String::new();
    for (here, there) in here.lines().zip(there.lines()) {
        if here != there {
            writeln!(text, "native:  {here}\nsandbox: {there}").unwrap();
        }
    }
    if here.lines().count() != there.lines().count() {
        writeln!(text, "of different lengths").unwrap();
    }
    text
}

#[test]
fn rusts_library_finds_the_file_system_that_it_knows() {
    let folder = tempfile::tempdir().unwrap();
    let [input, output, temporary] = ["in", "out", "tmp"].map(|name| folder.path().join(name));
    for (name, content) in INPUTS {
        let path = input.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    fs::create_dir(&output).unwrap();
    fs::create_dir(&temporary).unwrap();
    let mut here = String::new();
    native::run(&input, &output, &temporary, &mut here);

    for guest in [guests::files(), guests::files_component()] {
        let done = with_inputs(Job::guest(guest)).run();
        let there = done.is_ok().output_text("stdout");
        assert_eq!(differences(&here, there), "");
        let left: Vec<&str> = done.outputs.keys().map(String::as_str).collect();
        assert_eq!(left, ["results/deep/table.csv", "stdout", "summary.txt"]);
        assert_eq!(done.output("results/deep/table.csv"), b"a,b\n1,2\n");
        assert_eq!(done.output("summary.txt"), b"final");
    }
}

/// The lines of the C program that this machine's own system prints.
fn c_program_here(folder: &std::path::Path) -> io::Result<String> {
    let program = folder.join("files");
    let source = guests::repository().join("tests/guests/c/files.c");
    let compiled = Command::new("cc")
        .arg("-o")
        .args([&program, &source])
        .output()?;
    assert!(compiled.status.success(), "{compiled:?}");
    let temporary = folder.join("tmp");
    fs::create_dir(&temporary)?;
    let ran = Command::new(&program).arg(&temporary).output()?;
    assert!(ran.status.success(), "{ran:?}");
    Ok(String::from_utf8(ran.stdout).unwrap())
}

#[test]
fn cs_library_finds_the_file_system_that_it_knows() {
    let module = match guests::c_program("files") {
        Ok(module) => module,
        Err(reason) => {
            println!("skipped: {reason}");
            return;
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let here = match c_program_here(folder.path()) {
        Ok(here) => here,
        Err(error) => {
            println!("skipped: no C compiler for this machine: {error}");
            return;
        }
    };
    let done = Job::guest(&module).run();
    assert_eq!(differences(&here, done.is_ok().output_text("stdout")), "");
}

#[test]
fn what_the_libraries_do_not_do_is_answered_too() {
    const BADF: u32 = 8;
    const INVAL: u32 = 28;
    const NOTCAPABLE: u32 = 76;
    const NOTDIR: u32 = 54;
    const NOTSOCK: u32 = 57;
    const PERM: u32 = 63;
    const ROFS: u32 = 69;
    const SPIPE: u32 = 70;
    let done = answers_job(&[
        ("fd_prestat_get (i32.const 3) (i32.const 64)", 0),
        ("fd_prestat_get (i32.const 5) (i32.const 64)", 0),
        ("fd_prestat_dir_name (i32.const 4) (i32.const 64) (i32.const 3)", 37),
        ("fd_prestat_dir_name (i32.const 4) (i32.const 64) (i32.const 4)", 0),
        // The path is `/out`, as the call before has left it.
        ("path_create_directory (i32.const 5) (i32.const 64) (i32.const 4)", PERM),
        ("path_create_directory (i32.const 3) (i32.const 65) (i32.const 3)", ROFS),
        ("path_create_directory (i32.const 5) (i32.const 65) (i32.const 3)", 0),
        ("path_create_directory (i32.const 0) (i32.const 65) (i32.const 3)", NOTDIR),
        ("path_create_directory (i32.const 9) (i32.const 65) (i32.const 3)", BADF),
        ("path_create_directory (i32.const 5) (i32.const 65) (i32.const 4097)", 37),
        ("path_create_directory (i32.const 5) (i32.const 65530) (i32.const 10)", 21),
        ("path_create_directory (i32.const 5) (i32.const 65) (i32.const 0)", 44),
        ("path_open (i32.const 5) (i32.const 0) (i32.const 65) (i32.const 3) (i32.const 2) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 80)", 0),
        ("path_open (i32.const 5) (i32.const 0) (i32.const 65) (i32.const 3) (i32.const 16) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 80)", INVAL),
        ("path_open (i32.const 6) (i32.const 0) (i32.const 65) (i32.const 3) (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 1) (i32.const 80)", 0),
        // Descriptor 7 may be written, and not be read; from it nothing can be opened.
        ("fd_write (i32.const 7) (i32.const 0) (i32.const 1) (i32.const 84)", 0),
        ("fd_read (i32.const 7) (i32.const 0) (i32.const 1) (i32.const 84)", BADF),
        ("fd_fdstat_set_rights (i32.const 7) (i64.const 66) (i64.const 0)", NOTCAPABLE),
        ("fd_fdstat_set_rights (i32.const 7) (i64.const 0) (i64.const 0)", 0),
        ("fd_write (i32.const 7) (i32.const 0) (i32.const 1) (i32.const 84)", BADF),
        ("fd_fdstat_set_flags (i32.const 7) (i32.const 32)", INVAL),
        ("fd_fdstat_set_flags (i32.const 1) (i32.const 4)", 0),
        ("fd_advise (i32.const 7) (i64.const 0) (i64.const 0) (i32.const 6)", INVAL),
        ("fd_advise (i32.const 7) (i64.const 0) (i64.const 0) (i32.const 5)", 0),
        ("fd_seek (i32.const 7) (i64.const 0) (i32.const 3) (i32.const 88)", INVAL),
        ("fd_seek (i32.const 7) (i64.const -6) (i32.const 2) (i32.const 88)", INVAL),
        ("fd_tell (i32.const 0) (i32.const 88)", SPIPE),
        ("fd_pread (i32.const 0) (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 84)", SPIPE),
        ("fd_filestat_set_times (i32.const 7) (i64.const 0) (i64.const 0) (i32.const 3)", INVAL),
        ("fd_filestat_set_times (i32.const 1) (i64.const 0) (i64.const 0) (i32.const 1)", INVAL),
        ("fd_allocate (i32.const 7) (i64.const -1) (i64.const 2)", BADF),
        ("fd_readdir (i32.const 7) (i32.const 96) (i32.const 64) (i64.const 0) (i32.const 84)", NOTDIR),
        ("fd_readdir (i32.const 5) (i32.const 96) (i32.const 64) (i64.const 99999) (i32.const 84)", 0),
        ("fd_readdir (i32.const 5) (i32.const 96) (i32.const 64) (i64.const -1) (i32.const 84)", 0),
        ("fd_readdir (i32.const 5) (i32.const 96) (i32.const 64) (i64.const -1) (i32.const 84)", 0),
        ("sock_send (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 84)", NOTSOCK),
        ("sock_recv (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 84) (i32.const 88)", NOTSOCK),
        ("sock_shutdown (i32.const 1) (i32.const 0)", NOTSOCK),
        ("fd_datasync (i32.const 7)", 0),
        ("fd_datasync (i32.const 77)", BADF),
        ("sock_accept (i32.const 77) (i32.const 0) (i32.const 84)", BADF),
        ("fd_renumber (i32.const 7) (i32.const 6)", 0),
        ("fd_close (i32.const 7)", BADF),
        ("fd_close (i32.const 6)", 0),
        ("fd_close (i32.const 5)", 0),
        ("fd_renumber (i32.const 4) (i32.const 5)", BADF),
    ])
    .run();
    done.is_ok();
}

#[test]
fn a_path_that_cannot_be_paid_is_not_followed() {
    let create = |host_calls: u64| {
        let name = "path_open (i32.const 4) (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 80)";
        answers_job(&[(name, 0)])
            .limit(|limits| limits.host_calls = host_calls)
            .run()
    };
    // The call costs 1,500, and the one name 100: with less, nothing is made.
    let done = create(1_600);
    done.is_ok();
    assert_eq!(done.outputs.keys().collect::<Vec<_>>(), ["t"]);
    for short in [1_500, 1_599] {
        let done = create(short);
        done.is_limited("host_calls");
        assert!(done.outputs.is_empty(), "{short}");
    }
}

#[test]
fn quotas_of_files_are_errors_that_the_guest_sees() {
    // Asks for more files, for more bytes, and for deeper folders than there may be.
    let call = |limit: fn(&mut meterbox_sandbox::Limits), calls: &[(&str, u32)]| {
        answers_job(calls).limit(limit).run().is_ok();
    };
    let name = (
        "fd_prestat_dir_name (i32.const 4) (i32.const 64) (i32.const 4)",
        0,
    );
    let folder = |expected| {
        (
            "path_create_directory (i32.const 5) (i32.const 65) (i32.const 3)",
            expected,
        )
    };
    call(|limits| limits.files = 0, &[name, folder(51)]);
    call(|limits| limits.files = 1, &[name, folder(0)]);
    call(|limits| limits.folder_depth = 0, &[name, folder(37)]);
    let file = (
        "path_open (i32.const 5) (i32.const 0) (i32.const 65) (i32.const 3) (i32.const 1) (i64.const -1) (i64.const 0) (i32.const 0) (i32.const 80)",
        0,
    );
    let resized = |expected| {
        (
            "fd_filestat_set_size (i32.const 6) (i64.const 1000)",
            expected,
        )
    };
    call(
        |limits| limits.file_bytes = 1_000,
        &[name, file, resized(0)],
    );
    call(|limits| limits.file_bytes = 999, &[name, file, resized(19)]);
    // What lies between counts as written: a hole is no cheaper than zeros.
    let done = answers_job(&[name, file, resized(0)])
        .limit(|limits| limits.bytes_out = 1_002)
        .run();
    done.is_limited("bytes_out");
}
