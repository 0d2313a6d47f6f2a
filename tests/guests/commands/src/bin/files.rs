//! Does everything to files that the standard library offers, and says what came of each. Given the
//! folders that stand for `/in`, `/out` and `/tmp`, it does so anywhere, and says the same.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[allow(dead_code, reason = "a test calls `run` itself, to compare")]
fn main() {
    let mut said = String::new();
    run(
        Path::new("/in"),
        Path::new("/out"),
        Path::new("/tmp"),
        &mut said,
    );
    print!("{said}");
}

/// One line for each thing that was tried.
struct Say<'s>(&'s mut String);

impl Say<'_> {
    fn tried<T: Debug>(&mut self, what: &str, result: io::Result<T>) -> Option<T> {
        let came = match &result {
            Ok(value) => format!("{value:?}"),
            // Some systems have a plainer kind for the same.
            Err(error) => format!("{:?}", error.kind()),
        };
        self.0.push_str(&format!("{what}: {came}\n"));
        result.ok()
    }

    fn listed(&mut self, what: &str, folder: &Path) {
        let names = fs::read_dir(folder).and_then(|entries| {
            let mut names = Vec::new();
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name().into_string().unwrap_or_default();
                names.push((name, entry.file_type()?.is_dir()));
            }
            names.sort();
            Ok(names)
        });
        self.tried(what, names);
    }
}

/// Tries all of it.
pub fn run(input: &Path, output: &Path, temporary: &Path, said: &mut String) {
    let mut say = Say(said);
    inputs(&mut say, input);
    contents(&mut say, temporary);
    opening(&mut say, temporary);
    folders(&mut say, temporary);
    renames(&mut say, temporary);
    many(&mut say, temporary);
    outputs(&mut say, output, temporary);
    world(&mut say);
    network(&mut say);
}

/// What there is no network for fails, as here does what leads nowhere. Errors differ by the system.
fn network(say: &mut Say<'_>) {
    let failed = |error: io::Result<()>| error.map_err(|_| io::ErrorKind::Other.into());
    // Port 1 of this machine, an address of documents, and a name that is longer than a name can be.
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let nowhere = SocketAddr::from(([203, 0, 113, 1], 0));
    say.tried("connect", failed(TcpStream::connect(nobody).map(|_| ())));
    say.tried("listen", failed(TcpListener::bind(nowhere).map(|_| ())));
    say.tried("datagrams", failed(UdpSocket::bind(nowhere).map(|_| ())));
    let name = "n".repeat(70);
    say.tried("look up", failed((name, 80).to_socket_addrs().map(|_| ())));
}

/// Clocks, and giving way to others.
fn world(say: &mut Say<'_>) {
    let began = Instant::now();
    thread::sleep(Duration::from_millis(2));
    thread::yield_now();
    say.tried(
        "terminals",
        Ok(io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal()),
    );
    say.tried("slept", Ok(began.elapsed() >= Duration::from_millis(2)));
    say.tried(
        "is after 2020",
        Ok(SystemTime::now() > UNIX_EPOCH + Duration::from_secs(1_577_836_800)),
    );
}

fn inputs(say: &mut Say<'_>, input: &Path) {
    say.listed("list inputs", input);
    say.listed("list inner inputs", &input.join("notes"));
    say.tried(
        "read input",
        fs::read_to_string(input.join("notes/one.txt")),
    );
    say.tried("read folder", fs::read(input.join("notes")));
    say.tried("read missing", fs::read(input.join("none")));
    say.tried("read below file", fs::read(input.join("notes/one.txt/x")));
    let length = fs::metadata(input.join("notes/one.txt")).map(|data| (data.len(), data.is_file()));
    say.tried("metadata of input", length);
    say.tried("exists", input.join("none").try_exists());
}

fn contents(say: &mut Say<'_>, folder: &Path) {
    let path = folder.join("contents");
    say.tried("write", fs::write(&path, b"hello, files"));
    say.tried("read back", fs::read_to_string(&path));
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    say.tried("seek end", file.seek(SeekFrom::End(-5)));
    let mut five = [0; 5];
    say.tried("read five", file.read(&mut five).map(|count| (count, five)));
    say.tried("read at end", file.read(&mut five));
    say.tried("seek before start", file.seek(SeekFrom::Current(-100)));
    say.tried("seek beyond", file.seek(SeekFrom::Start(20)));
    say.tried("write beyond", file.write(b"!"));
    say.tried("read with gap", fs::read(&path));
    say.tried("cut", file.set_len(3));
    say.tried("lengthen", file.set_len(6));
    say.tried("position stays", file.stream_position());
    say.tried("read cut", fs::read(&path));
    say.tried("sync", file.sync_all());
    say.tried("sync data", file.sync_data());
    let mut end = OpenOptions::new().append(true).open(&path).unwrap();
    say.tried("append", end.write(b"one"));
    say.tried("append moves", end.seek(SeekFrom::Start(0)));
    say.tried("append at end", end.write(b"two"));
    say.tried("read appended", fs::read(&path));
    say.tried("copy", fs::copy(&path, folder.join("copied")));
    say.tried("read copied", fs::read(folder.join("copied")));
    say.tried("take away", fs::remove_file(folder.join("copied")));
    say.tried("take away again", fs::remove_file(folder.join("copied")));
    // A file that is open stays, though its name is gone.
    say.tried("take away open", fs::remove_file(&path));
    say.tried("is gone", path.try_exists());
    say.tried("rewind", file.rewind());
    let mut rest = Vec::new();
    say.tried(
        "read what is gone",
        file.read_to_end(&mut rest).map(|_| rest),
    );
}

fn opening(say: &mut Say<'_>, folder: &Path) {
    let path = folder.join("opening");
    let open = |options: &mut OpenOptions, path: &Path| options.open(path).map(|_| ());
    let mut new = OpenOptions::new();
    new.write(true).create_new(true);
    say.tried("create new", open(&mut new, &path));
    say.tried("create new again", open(&mut new, &path));
    say.tried(
        "open missing",
        open(OpenOptions::new().read(true), &folder.join("none")),
    );
    let mut truncate = OpenOptions::new();
    truncate.write(true).truncate(true);
    say.tried("fill", fs::write(&path, b"filled"));
    say.tried("truncate", open(&mut truncate, &path));
    say.tried("is empty", fs::metadata(&path).map(|data| data.len()));
    say.tried(
        "open below file",
        open(OpenOptions::new().read(true), &path.join("x")),
    );
    say.tried("create in missing", open(&mut new, &folder.join("none/x")));
    say.tried(
        "write to folder",
        open(OpenOptions::new().write(true), folder),
    );
    say.tried(
        "write to read-only",
        File::open(&path)
            .and_then(|mut file| file.write(b"x"))
            .map(|_| ())
            .map_err(|_| io::ErrorKind::Other.into()),
    );
    say.tried(
        "read write-only",
        OpenOptions::new()
            .write(true)
            .open(&path)
            .and_then(|mut file| file.read(&mut [0]))
            .map(|_| ())
            .map_err(|_| io::ErrorKind::Other.into()),
    );
    let long = "n".repeat(256);
    say.tried(
        "name too long",
        fs::write(folder.join(&long), b"").map_err(|_| io::ErrorKind::Other.into()),
    );
    say.tried("longest name", fs::write(folder.join(&long[1..]), b""));
    say.tried("take away", fs::remove_file(folder.join(&long[1..])));
    say.tried(
        "unicode",
        fs::write(folder.join("naïve \u{1F41A}.txt"), b"shell"),
    );
    say.tried(
        "read unicode",
        fs::read_to_string(folder.join("naïve \u{1F41A}.txt")),
    );
    say.tried(
        "take away",
        fs::remove_file(folder.join("naïve \u{1F41A}.txt")),
    );
    say.tried("take away", fs::remove_file(&path));
}

fn folders(say: &mut Say<'_>, folder: &Path) {
    say.tried("create folder", fs::create_dir(folder.join("a")));
    say.tried("create folder again", fs::create_dir(folder.join("a")));
    say.tried("create deep", fs::create_dir(folder.join("x/y")));
    say.tried("create all", fs::create_dir_all(folder.join("a/b/c")));
    say.tried("fill", fs::write(folder.join("a/b/file"), b"1"));
    say.listed("list", &folder.join("a/b"));
    say.listed("list a file", &folder.join("a/b/file"));
    say.listed("list nothing", &folder.join("a/b/c"));
    say.tried(
        "remove full",
        fs::remove_dir(folder.join("a/b")).map_err(|_| io::ErrorKind::Other.into()),
    );
    say.tried(
        "remove a file as folder",
        fs::remove_dir(folder.join("a/b/file")),
    );
    say.tried("remove folder", fs::remove_dir(folder.join("a/b/c")));
    say.tried("around", fs::read(folder.join("a/./b/../b//file")));
    say.tried("remove all", fs::remove_dir_all(folder.join("a")));
    say.tried("is gone", folder.join("a").try_exists());
}

fn renames(say: &mut Say<'_>, folder: &Path) {
    let at = |name: &str| -> PathBuf { folder.join(name) };
    say.tried("fill", fs::write(at("one"), b"1"));
    say.tried("rename", fs::rename(at("one"), at("two")));
    say.tried("rename missing", fs::rename(at("one"), at("two")));
    say.tried("fill", fs::write(at("three"), b"3"));
    say.tried("rename over", fs::rename(at("three"), at("two")));
    say.tried("read", fs::read(at("two")));
    say.tried("rename to itself", fs::rename(at("two"), at("two")));
    say.tried("folder", fs::create_dir_all(at("f/g")));
    say.tried("rename into itself", fs::rename(at("f"), at("f/g/h")));
    say.tried("file over folder", fs::rename(at("two"), at("f")));
    say.tried("folder over file", fs::rename(at("f"), at("two")));
    say.tried("empty", fs::create_dir(at("e")));
    say.tried(
        "folder over full",
        fs::rename(at("e"), at("f")).map_err(|_| io::ErrorKind::Other.into()),
    );
    say.tried("folder over empty", fs::rename(at("f"), at("e")));
    say.listed("moved", &at("e"));
    say.tried("remove all", fs::remove_dir_all(at("e")));
    say.tried("take away", fs::remove_file(at("two")));
    say.listed("nothing left", folder);
}

/// More entries than one listing gives at once, some of which go while it is read.
fn many(say: &mut Say<'_>, folder: &Path) {
    let crowd = folder.join("crowd");
    say.tried("folder", fs::create_dir(&crowd));
    for at in 0..300 {
        fs::write(crowd.join(format!("entry number {at:04}")), format!("{at}")).unwrap();
    }
    let count = fs::read_dir(&crowd).map(|entries| entries.count());
    say.tried("all are listed", count);
    let mut taken = 0;
    for entry in fs::read_dir(&crowd).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
        taken += 1;
    }
    say.tried("all are taken away while listed", Ok(taken));
    say.tried("remove", fs::remove_dir(&crowd));
    let large = folder.join("large");
    let bytes: Vec<u8> = (0..3_000_000u32).map(|at| at.to_le_bytes()[1]).collect();
    say.tried("write large", fs::write(&large, &bytes));
    say.tried("read large", fs::read(&large).map(|read| read == bytes));
    say.tried("take away", fs::remove_file(&large));
}

fn outputs(say: &mut Say<'_>, output: &Path, temporary: &Path) {
    say.tried("folder", fs::create_dir_all(output.join("results/deep")));
    say.tried(
        "output",
        fs::write(output.join("results/deep/table.csv"), b"a,b\n1,2\n"),
    );
    say.tried("draft", fs::write(output.join("draft"), b"final"));
    say.tried(
        "finished",
        fs::rename(output.join("draft"), output.join("summary.txt")),
    );
    say.tried(
        "taken back",
        fs::write(output.join("wrong"), b"").and_then(|()| fs::remove_file(output.join("wrong"))),
    );
    say.tried(
        "temporary",
        fs::write(temporary.join("left"), b"not an output"),
    );
}
