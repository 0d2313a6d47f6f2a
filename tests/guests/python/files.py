"""What Python's library does with files, clocks and random numbers. Prints what came of each; given folders
that stand for /in, /out and /tmp, it prints the same anywhere."""
import errno, os, random, select, shutil, socket, sys, tempfile, time


def say(what, act):
    try:
        print(what, "ok", act())
    except OSError as error:
        print(what, errno.errorcode.get(error.errno, error.errno))


def main(inputs, outputs, temporary):
    at = lambda *names: os.path.join(temporary, *names)
    say("read input", lambda: open(os.path.join(inputs, "notes", "one.txt")).read())
    say("read folder", lambda: os.read(os.open(inputs, os.O_RDONLY), 1))
    say("read missing", lambda: open(os.path.join(inputs, "none")).read())
    say("list", lambda: sorted(os.listdir(inputs)))
    say("makedirs", lambda: os.makedirs(at("a", "b", "c")))
    say("mkdir again", lambda: os.mkdir(at("a")))
    with open(at("a", "one"), "w+b", buffering=0) as file:
        say("write", lambda: file.write(b"first second"))
        say("seek", lambda: file.seek(-6, os.SEEK_END))
        say("read", lambda: file.read())
        say("truncate", lambda: file.truncate(5))
        say("tell", lambda: file.tell())
        say("seek badly", lambda: file.seek(-1))
        say("size", lambda: os.fstat(file.fileno()).st_size)
        say("pwrite", lambda: os.pwrite(file.fileno(), b"AB", 1))
        say("pread", lambda: os.pread(file.fileno(), 3, 0))
        say("fsync", lambda: os.fsync(file.fileno()))
        say("fdatasync", lambda: os.fdatasync(file.fileno()))
        say("advise", lambda: os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL))
        say("times of open", lambda: os.utime(file.fileno(), ns=(0, 1_000_000_007)))
        say("time of open", lambda: os.fstat(file.fileno()).st_mtime_ns)
    say("append", lambda: open(at("a", "one"), "a").write("!"))
    say("read back", lambda: open(at("a", "one")).read())
    say("exclusive", lambda: open(at("a", "one"), "x"))
    say("rename", lambda: os.rename(at("a", "one"), at("a", "b", "two")))
    say("replace", lambda: os.replace(at("a", "b", "two"), at("a", "b", "three")))
    say("remove full", lambda: os.rmdir(at("a", "b")))
    say("copy", lambda: os.path.basename(shutil.copy(at("a", "b", "three"), at("a", "copy"))))
    say("symlink", lambda: os.symlink("b/three", at("a", "soft")))
    say("readlink", lambda: os.readlink(at("a", "soft")))
    say("read through", lambda: open(at("a", "soft")).read())
    say("lstat", lambda: os.lstat(at("a", "soft")).st_size)
    say("hard link", lambda: os.link(at("a", "copy"), at("a", "hard")))
    say("links", lambda: os.stat(at("a", "hard")).st_nlink)
    say("islink", lambda: os.path.islink(at("a", "soft")))
    say("times", lambda: os.utime(at("a", "copy"), ns=(5, 1_234_567_890_000_000_500)))
    say("time", lambda: os.stat(at("a", "copy")).st_mtime_ns)
    for number in range(150):
        with open(at("a", "b", f"many {number:03}"), "wb") as file:
            file.write(bytes([number]))
    say("walk", lambda: sum(len(files) for _, _, files in os.walk(at("a"))))
    say("scandir", lambda: sorted(entry.name for entry in os.scandir(at("a")) if entry.is_dir(follow_symlinks=False)))
    say("rmtree", lambda: shutil.rmtree(at("a")))
    say("is gone", lambda: os.path.exists(at("a")))
    say("temporary", lambda: tempfile.TemporaryFile(dir=temporary).write(b"x" * 100_000))
    say("output", lambda: open(os.path.join(outputs, "from-python.txt"), "w").write("from Python\n"))
    began = time.monotonic()
    time.sleep(0.002)
    say("slept", lambda: time.monotonic() - began >= 0.002)
    say("resolution", lambda: time.clock_getres(time.CLOCK_MONOTONIC) > 0)
    say("resolution of the wall clock", lambda: time.clock_getres(time.CLOCK_REALTIME) > 0)
    say("is after 2020", lambda: time.time() > 1_577_836_800)
    say("terminals", lambda: os.isatty(0) or os.isatty(1) or os.isatty(2))
    say("standard input", lambda: sys.stdin.read())
    say("nothing to wait for", lambda: select.select([], [], [], 0.002))
    say("can be written", lambda: len(select.select([], [1], [])[1]))
    network()
    say("random", lambda: len({random.random() for _ in range(100)}))
    say("urandom", lambda: len(os.urandom(33)))


def network():
    """What there is no network for fails, as here does what leads nowhere. Errors differ by the system."""

    def fails(act):
        try:
            act()
        except (OSError, LookupError):  # a name may have no codec before it has no address
            return True

    # Port 1 of this machine, an address of documents, and a name that is longer than a name can be.
    say("connect", lambda: fails(lambda: socket.create_connection(("127.0.0.1", 1))))
    say("datagrams", lambda: fails(lambda: socket.socket(type=socket.SOCK_DGRAM).bind(("203.0.113.1", 0))))
    say("look up", lambda: fails(lambda: socket.getaddrinfo(b"n" * 70, 80)))


class Run:
    def run(self):
        main("/in", "/out", "/tmp")


if __name__ == "__main__":
    main(*sys.argv[1:4])
