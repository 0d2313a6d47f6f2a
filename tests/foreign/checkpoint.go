// Checkpoints and proofs of the log, by Go's packages sumdb/note and sumdb/tlog, as Debian packs them in
// golang-golang-x-mod-dev (0.8.0, Go 1.19):
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run checkpoint.go FOLDER
//
// where `foreign-inputs` has written.
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var folder = os.Args[1]

func must(holds bool, format string, values ...interface{}) {
	if !holds {
		fmt.Fprintf(os.Stderr, "error: "+format+"\n", values...)
		os.Exit(1)
	}
}

func read(name string) string {
	data, err := os.ReadFile(filepath.Join(folder, name))
	must(err == nil, "%v", err)
	return string(data)
}

func hash(text string) tlog.Hash {
	data, err := base64.StdEncoding.DecodeString(text)
	must(err == nil && len(data) == tlog.HashSize, "%q is no hash", text)
	var hash tlog.Hash
	copy(hash[:], data)
	return hash
}

// The size and root of a signed checkpoint.
func open(message string, verifiers note.Verifiers) (tree tlog.Tree, err error) {
	opened, err := note.Open([]byte(message), verifiers)
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	must(lines[0] == "provider.example/log", "the origin is %q", lines[0])
	tree.N, err = strconv.ParseInt(lines[1], 10, 64)
	must(err == nil, "%v", err)
	tree.Hash = hash(lines[2])
	return tree, nil
}

// What a proof's file says: the number of its index or old line, its hashes, and its checkpoint.
func proof(text, word string) (number int64, hashes []tlog.Hash, checkpoint string) {
	end := strings.Index(text, "\n\n")
	must(end > 0, "the proof has no end")
	for _, line := range strings.Split(text[:end], "\n") {
		switch {
		case strings.HasPrefix(line, word+" "):
			parsed, err := strconv.ParseInt(line[len(word)+1:], 10, 64)
			must(err == nil, "%v", err)
			number = parsed
		case strings.Contains(line, "@") || strings.HasPrefix(line, "extra "):
		default:
			hashes = append(hashes, hash(line))
		}
	}
	return number, hashes, text[end+2:]
}

func main() {
	verifier, err := note.NewVerifier(read("log.vkey"))
	must(err == nil, "sumdb/note refuses the key: %v", err)
	verifiers := note.VerifierList(verifier)
	new, err := open(read("checkpoint"), verifiers)
	must(err == nil, "sumdb/note refuses the checkpoint: %v", err)
	old, err := open(read("old.checkpoint"), verifiers)
	must(err == nil, "sumdb/note refuses the older checkpoint: %v", err)
	_, err = open(read("tampered.checkpoint"), verifiers)
	must(err != nil, "sumdb/note accepts a tampered checkpoint")
	_, err = open(read("checkpoint"), note.VerifierList())
	must(err != nil, "sumdb/note accepts a checkpoint of a stranger")

	leaves := strings.Fields(read("leaves.txt"))
	leaf := func(index int64) tlog.Hash {
		data := make([]byte, 32)
		_, err := fmt.Sscanf(leaves[index], "%x", &data)
		must(err == nil, "%v", err)
		return tlog.RecordHash(data)
	}
	index, hashes, checkpoint := proof(read("receipt.tlog-proof"), "index")
	carried, err := open(checkpoint, verifiers)
	must(err == nil && carried == new, "the proof carries another checkpoint: %v", err)
	err = tlog.CheckRecord(hashes, new.N, new.Hash, index, leaf(index))
	must(err == nil, "sumdb/tlog refuses the receipt's proof: %v", err)
	must(tlog.CheckRecord(hashes, new.N, new.Hash, index, leaf(index+1)) != nil, "sumdb/tlog accepts another receipt")
	wrong, hashes, _ := proof(read("tampered.tlog-proof"), "index")
	must(tlog.CheckRecord(hashes, new.N, new.Hash, wrong, leaf(index)) != nil, "sumdb/tlog accepts another place")

	before, hashes, _ := proof(read("growth.proof"), "old")
	must(before == old.N, "the proof begins at %d receipts, not at %d", before, old.N)
	err = tlog.CheckTree(hashes, new.N, new.Hash, old.N, old.Hash)
	must(err == nil, "sumdb/tlog refuses the growth: %v", err)
	_, hashes, _ = proof(read("tampered.proof"), "old")
	must(tlog.CheckTree(hashes, new.N, new.Hash, old.N, old.Hash) != nil, "sumdb/tlog accepts a tampered growth")
	fmt.Println("sumdb: 2 checkpoints, a receipt's proof and a growth accepted; 5 tampered ones refused")
}
