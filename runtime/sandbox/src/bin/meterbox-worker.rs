//! The worker program of a sandbox, for whoever embeds one: started by it, never by hand.

fn main() -> Result<(), String> {
    meterbox_sandbox::serve_as_worker(std::env::args())
}
