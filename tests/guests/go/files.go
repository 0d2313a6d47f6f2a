// What Go's library does with files, clocks, the environment and random numbers. Prints what came of
// each; given folders that stand for /in, /out and /tmp, it prints the same anywhere.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

func say(what string, err error, values ...any) {
	state := "ok"
	for name, known := range map[string]error{
		"exists": fs.ErrExist, "missing": fs.ErrNotExist, "closed": fs.ErrClosed, "end": io.EOF,
	} {
		if errors.Is(err, known) {
			state = name
		}
	}
	if err != nil && state == "ok" {
		state = "fails"
	}
	fmt.Println(what, state, fmt.Sprint(values...))
}

func main() {
	input, output, temporary := "/in", "/out", "/tmp"
	if len(os.Args) > 3 {
		input, output, temporary = os.Args[1], os.Args[2], os.Args[3]
	}
	content, err := os.ReadFile(filepath.Join(input, "notes", "one.txt"))
	say("read input", err, string(content))
	_, err = os.ReadFile(filepath.Join(input, "none"))
	say("read missing", err)
	_, err = os.ReadFile(input)
	say("read folder", err)

	at := func(names ...string) string { return filepath.Join(append([]string{temporary}, names...)...) }
	say("mkdir all", os.MkdirAll(at("a", "b", "c"), 0o700))
	say("mkdir again", os.Mkdir(at("a"), 0o700))
	say("write", os.WriteFile(at("a", "one"), []byte("first"), 0o600))
	file, err := os.OpenFile(at("a", "one"), os.O_RDWR|os.O_APPEND, 0)
	say("append", err)
	count, err := file.WriteString(" second")
	say("appended", err, count)
	offset, err := file.Seek(3, io.SeekStart)
	say("seek", err, offset)
	rest, err := io.ReadAll(file)
	say("read rest", err, string(rest))
	some := make([]byte, 3)
	count, err = file.ReadAt(some, 1)
	say("read at", err, count, string(some))
	count, err = file.ReadAt(some, 11)
	say("read at the end", err, count)
	say("truncate", file.Truncate(4))
	stat, err := file.Stat()
	say("stat", err, stat.Size(), stat.Mode().IsRegular(), stat.IsDir())
	say("sync", file.Sync())
	say("close", file.Close())
	say("close again", file.Close())
	_, err = os.OpenFile(at("a", "one"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	say("exclusive", err)
	say("rename", os.Rename(at("a", "one"), at("a", "b", "two")))
	say("remove full", os.Remove(at("a", "b")))
	say("link", os.Link(at("a", "b", "two"), at("a", "three")))
	say("symlink", os.Symlink("b/two", at("a", "soft")))
	target, err := os.Readlink(at("a", "soft"))
	say("readlink", err, target)
	content, err = os.ReadFile(at("a", "soft"))
	say("read through", err, string(content))
	link, err := os.Lstat(at("a", "soft"))
	say("lstat", err, link.Mode()&fs.ModeSymlink != 0)
	changed := time.Unix(1234567890, 500)
	say("times", os.Chtimes(at("a", "three"), changed, changed))
	stat, err = os.Stat(at("a", "three"))
	say("time", err, stat.ModTime().Unix(), stat.ModTime().Nanosecond())
	for number := range 200 {
		os.WriteFile(at("a", "b", fmt.Sprintf("many %03d", number)), []byte{byte(number)}, 0o600)
	}
	var walked []string
	err = filepath.WalkDir(at("a"), func(path string, entry fs.DirEntry, err error) error {
		walked = append(walked, strings.TrimPrefix(path, temporary)+fmt.Sprint(entry.IsDir(), entry.Type()&fs.ModeSymlink != 0))
		return err
	})
	sort.Strings(walked)
	say("walk", err, len(walked), strings.Join(walked[:6], ","))
	opened, err := os.Open(at("a", "b"))
	say("open folder", err)
	names, err := opened.Readdirnames(7)
	say("some names", err, len(names))
	more, err := opened.Readdirnames(-1)
	say("other names", err, len(more))
	say("close", opened.Close())
	say("remove all", os.RemoveAll(at("a")))
	_, err = os.Stat(at("a"))
	say("is gone", err)
	kept, err := os.CreateTemp(temporary, "draft-*")
	say("temporary file", err)
	count, err = kept.WriteAt([]byte("far"), 5)
	say("write at", err, count)
	say("allocate", kept.Truncate(1000), 0)
	writer := bufio.NewWriter(kept)
	for number := range 20000 {
		fmt.Fprintln(writer, number)
	}
	say("flush", writer.Flush())
	stat, _ = kept.Stat()
	say("size", nil, stat.Size())
	say("output", os.MkdirAll(filepath.Join(output, "go"), 0o700))
	say("output", os.WriteFile(filepath.Join(output, "go", "result.txt"), []byte("from Go\n"), 0o600))
	say("take away", os.Remove(kept.Name()))
	began := time.Now()
	time.Sleep(2 * time.Millisecond)
	say("slept", nil, time.Since(began) >= 2*time.Millisecond)
}
