//! Prints its arguments, each on a line, and then its environment.

fn main() {
    for argument in std::env::args() {
        println!("{argument:?}");
    }
    for (name, value) in std::env::vars() {
        println!("{name}={value:?}");
    }
}
