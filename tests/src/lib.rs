//! Builds the guests that the tests run, and says where they are; and gives orders of them. Never runs them.
//!
//! The guests are built when this package is. Each has a function here; one that has none fails
//! the build, so that no guest is forgotten.

mod attack;
mod c_program;
pub mod model;
mod order;

use std::path::Path;

pub use attack::{Attack, Expected, Sum, attacks};
pub use c_program::c_program;
pub use model::boxes_model;
pub use order::{in_an_hour, now, order};

/// The guests that `build.rs` built or found.
#[deny(dead_code)] // a guest without a function below
#[allow(non_upper_case_globals)] // named as their files are
mod built {
    include!(concat!(env!("OUT_DIR"), "/built.rs"));
}

macro_rules! guests {
    ($kind:ident, $all:ident, $all_doc:literal: $($(#[$doc:meta])* $name:ident $(as $file:ident)?,)*) => {
        $(
            $(#[$doc])*
            pub fn $name() -> &'static Path {
                Path::new(guests!(@file $kind $name $($file)?))
            }
        )*

        #[doc = $all_doc]
        pub fn $all() -> Vec<&'static Path> {
            vec![$($name()),*]
        }
    };
    (@file $kind:ident $name:ident) => { built::$kind::$name };
    (@file $kind:ident $name:ident $file:ident) => { built::$kind::$file };
}

guests! { example, examples, "All jobs of `examples/`.":
    /// Recognises the types of the inputs `files/…` with the Magika model `model` and its `config`;
    /// leaves `labels.json` and `labels.txt`.
    file_types,
    /// Reads the text of the PNG or JPEG `page` with the models `detection`, `direction` and `recognition`; leaves
    /// `text.json`, `text.txt` and `page.png`.
    ocr,
    /// Finds speech in the WAV file `sound` with the Silero model `model`; leaves `segments.json` and `segments.txt`.
    speech,
}

guests! { component, components, "All guests that are components, without the examples.":
    /// Tries 21 good and bad names for outputs; leaves what became of each in `names.json`. With the
    /// argument `many`, creates outputs until it gets an error, and fails with that.
    bad_output_names,
    /// Asks the model `model` (see [`boxes_model`]) for a number as often as its argument says (once), and
    /// works so many laps; leaves the numbers in `boxes.txt`, a line for each.
    boxes,
    /// Runs Magika on the ends of the input `bytes.bin` as often as its argument says (once);
    /// leaves the 214 scores in `scores.bin`, as little-endian `f32`.
    classify,
    /// Leaves in `world.txt` its arguments, environment, clocks around an hour's sleep, and random
    /// numbers.
    clock_and_random,
    /// Copies each input to the output of the same name, in pieces of 64 KiB.
    echo,
    /// Takes and touches 1 MiB of memory after the other, until there is no more.
    exhausts_memory,
    /// Writes the output `before.txt`, and fails with `the measurements have no date`.
    fails,
    /// Logs for ever.
    floods_log,
    /// Writes pieces of 1 MiB to the output `flood.bin` for ever.
    floods_output,
    /// Leaves `hello\n` in `hello.txt`, and does no more.
    hello,
    /// Computes for ever, without a call to the host.
    loops_forever,
    /// Opens its inputs as often as its argument says (100000 times) without closing one; leaves
    /// the number in `opened.txt`.
    many_handles,
    /// Opens the input `no-such-input`, and fails with the error that it gets.
    missing_input,
    /// Calls the Magika model `model` wrongly in many ways; leaves a line `what: code` for each in
    /// `codes.txt`.
    nn_bad_calls,
    /// Loads the input `model` as a model, and fails with the code that it gets, such as
    /// `invalid-encoding`.
    not_a_model,
    /// Panics.
    panics,
    /// Counts the primes below its first argument in slices of its second, and goes on from its checkpoint; leaves
    /// the primes of each slice in `primes/FROM.txt`, and `count.txt` at the end. With `stuck` it gets nowhere, with
    /// a number it traps there.
    primes,
    /// Calls itself for ever.
    recurses_forever,
    /// Runs the model `model` on the inputs `tensors/…`, as often as its argument says; leaves the outputs
    /// of `f32`.
    run_model,
    /// Runs the Silero model `model` over the samples in the input `speech`, or over a tone; leaves
    /// a line for each window in `speech.txt`.
    silero,
    /// Adds up the bytes of the input `data` from its end to its start; leaves the sum in `sum.txt`.
    sum,
    /// Works for a million rounds, and traps: by `unreachable`, or with the argument `out-of-bounds`
    /// by a read beyond its memory.
    traps,
}

guests! { command, commands, "All guests that are WASI 0.1 commands written in Rust.":
    /// Copies its standard input to its standard output.
    cat,
    /// Prints clocks around a minute's sleep, and random numbers.
    clock,
    /// Prints 1, 2 and 3, one a slice.
    counts_on,
    /// Prints its arguments and its environment.
    env_and_args,
    /// Exits with the code that is its argument.
    exit_code,
    /// Does to files in `/in`, `/out` and `/tmp` all that Rust's library offers, and prints what came of
    /// each.
    files,
}

guests! { command_component, command_components, "The same commands as components of WASI 0.2.":
    /// As `cat`.
    cat_component as cat,
    /// As `clock`.
    clock_component as clock,
    /// As `counts_on`.
    counts_on_component as counts_on,
    /// As `env_and_args`.
    env_and_args_component as env_and_args,
    /// As `exit_code`: all codes but 0 become 1.
    exit_code_component as exit_code,
    /// As `files`.
    files_component as files,
}

guests! { inference_command, inference_commands, "All guests that are WASI 0.1 commands with crate `wasi-nn`.":
    /// As `classify`, with `/in/bytes.bin` and `/out/scores.bin`; with the second argument `bytes` it reads the
    /// model and hands its bytes over.
    classify_by_index,
}

guests! { text, texts, "All guests that are WebAssembly in its text form.":
    /// Needs the garbage collector's types.
    gc_wat as gc,
    /// Starts with 4 GiB of memory.
    huge_memory_wat as huge_memory,
    /// Grows and touches its memory until it gets no more, then traps.
    memory_hog_wat as memory_hog,
    /// A component with its code in a component within it.
    nested_component_wat as nested_component,
    /// Calls itself for ever.
    recursion_wat as recursion,
    /// Loops for ever.
    spin_wat as spin,
    /// Traps in its start function, by a division by zero.
    start_traps_wat as start_traps,
    /// Has a shared memory and an atomic instruction.
    threads_wat as threads,
    /// Imports a function `harbour` `ring_the_bell`, which nobody provides.
    unknown_import_wat as unknown_import,
    /// Traps at once.
    unreachable_wat as unreachable,
}

/// The repository's root, where `examples/` and its models and samples are.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
