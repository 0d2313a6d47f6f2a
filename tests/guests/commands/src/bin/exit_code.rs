//! Exits with the code that is its argument, after a line to standard output and one to standard
//! error.

fn main() {
    let Some(code) = std::env::args().nth(1).and_then(|code| code.parse().ok()) else {
        eprintln!("error: the argument is to be an exit code");
        std::process::exit(2);
    };
    println!("exiting");
    eprintln!("with {code}");
    std::process::exit(code);
}
