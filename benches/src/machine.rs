//! What kind of machine this is, in words that name no particular one. Measures nothing.

use std::collections::BTreeSet;
use std::path::Path;

/// The processor's model, its cores and its caches, as far as the system tells.
#[must_use]
pub fn description() -> String {
    let model = processor().unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let caches: Vec<String> = caches().into_iter().collect();
    format!(
        "{model}, {cores} cores, {}{}",
        std::env::consts::OS,
        match caches.is_empty() {
            true => String::new(),
            false => format!(", caches {}", caches.join(", ")),
        }
    )
}

fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn caches() -> BTreeSet<String> {
    let folder = Path::new("/sys/devices/system/cpu/cpu0/cache");
    let read = |index: &Path, name: &str| {
        let text = std::fs::read_to_string(index.join(name)).unwrap_or_default();
        text.trim().to_owned()
    };
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|index| read(index, "type").ends_with(['a', 'd']))
        .map(|index| format!("L{} {}", read(&index, "level"), read(&index, "size")))
        .collect()
}
