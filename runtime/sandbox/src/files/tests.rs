use super::*;
use crate::limits::Limits;

const TMP: NodeId = ROOTS[2].0;
const IN: NodeId = ROOTS[0].0;

fn limits() -> Limits {
    Limits {
        files: 20,
        file_bytes: 1_000,
        folder_depth: 4,
        outputs: 5,
        ..Limits::NOTHING
    }
}

fn files() -> Files {
    let input = |name: &str| Input {
        name: name.into(),
        sha256: [0; 32],
        blob: Arc::new(name.as_bytes().to_vec()),
    };
    let inputs = ["b", "a/2", "a/1", "stdin", "c/d", "c"].map(input);
    Files::new(&inputs, 7, &limits(), None)
}

const CREATE: Opening = Opening {
    follow: true,
    create: true,
    exclusive: false,
    truncate: false,
    folder: false,
    write: true,
};

fn create(files: &mut Files, folder: NodeId, path: &str) -> Filed<NodeId> {
    files.open(folder, path, CREATE).unwrap()
}

fn names(files: &Files, folder: NodeId) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    while let Some((name, ..)) = files
        .entry_after(folder, names.last().map(String::as_str))
        .unwrap()
    {
        names.push(name.to_string());
    }
    names
}

#[test]
fn inputs_are_a_tree_in_order_and_cannot_be_changed() {
    let mut files = files();
    assert_eq!(names(&files, IN), ["a", "b", "c", "stdin"]);
    let a = files.find(IN, "a", false).unwrap().node.unwrap();
    assert_eq!(names(&files, a), ["1", "2"]);
    // `c` is a folder, since `c/d` is in it.
    let c = files.find(IN, "c", false).unwrap().node.unwrap();
    assert_eq!(names(&files, c), ["d"]);
    let file = files.find(IN, "a/2", false).unwrap().node.unwrap();
    let mut bytes = [0; 3];
    files.read(file, 0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"a/2");
    let refused = [
        create(&mut files, IN, "new").map(|_| ()),
        create(&mut files, IN, "a/2").map(|_| ()),
        files.create_folder(IN, "new"),
        files.create_link("b", IN, "new"),
        files.unlink(IN, "b"),
        files.remove_folder(IN, "a"),
        files.rename((IN, "b"), (IN, "e")),
        files.rename((IN, "b"), (TMP, "e")),
        files.link((IN, "b"), false, (IN, "e")),
        files.growth(file, 9).map(|_| ()),
        files.set_times(file, Some(0), None),
    ];
    assert_eq!(refused, [Err(FileError::ReadOnly); 11]);
}

#[test]
fn no_path_leads_out_of_the_folder_that_it_began_in() {
    let mut files = files();
    files.create_folder(TMP, "inner").unwrap();
    let inner = files.find(TMP, "inner", false).unwrap().node.unwrap();
    create(&mut files, TMP, "secret").unwrap();
    files.create_link("../secret", TMP, "inner/up").unwrap();
    files
        .create_link("x/../../secret", TMP, "inner/far")
        .unwrap();
    files.create_folder(TMP, "inner/x").unwrap();
    for path in [
        "..",
        "../secret",
        "/tmp/secret",
        "/",
        "//",
        "x/../../secret",
        "./../secret",
        "up",
        "far",
        "x/../..",
        "../inner/x",
    ] {
        let found = files.find(inner, path, true).map(|found| found.node);
        assert_eq!(found, Err(FileError::NotPermitted), "{path}");
    }
    // The same links lead where they say for whoever has the folder above.
    for path in [
        "inner/up",
        "inner/far",
        "inner/../secret",
        "./inner/x/../../secret",
    ] {
        let found = files.find(TMP, path, true).unwrap().node.unwrap();
        assert_eq!(
            found,
            files.find(TMP, "secret", false).unwrap().node.unwrap()
        );
    }
    let links_out = ["/in/b", "/"].map(|target| files.create_link(target, TMP, "out"));
    assert_eq!(links_out, [Err(FileError::NotPermitted); 2]);
}

#[test]
fn symbolic_links_in_circles_and_in_crowds_end() {
    let mut files = files();
    files.create_link("b", TMP, "a").unwrap();
    files.create_link("a", TMP, "b").unwrap();
    files.create_link(".", TMP, "here").unwrap();
    let found = |files: &mut Files, path: &str| files.find(TMP, path, true).map(|found| found.node);
    assert_eq!(found(&mut files, "a"), Err(FileError::Loop));
    assert_eq!(found(&mut files, "a/x"), Err(FileError::Loop));
    assert_eq!(found(&mut files, &"here/".repeat(39)), Ok(Some(TMP)));
    assert_eq!(found(&mut files, &"here/".repeat(41)), Err(FileError::Loop));
    // A link of many names, through itself: each name is counted.
    let long = "./".repeat(2_000) + "a";
    files.create_link(&long[..900], TMP, "crowd").unwrap();
    assert_eq!(
        found(&mut files, &"crowd/".repeat(30)),
        Err(FileError::NameTooLong)
    );
    assert!(files.take_steps().unwrap() < 10_000);
}

#[test]
fn every_quota_holds_at_its_value_and_fails_one_above() {
    let mut files = files();
    let file = create(&mut files, TMP, "file").unwrap();
    assert_eq!(files.growth(file, 1_000), Ok(1_000));
    assert_eq!(files.growth(file, 1_001), Err(FileError::Quota));
    assert_eq!(files.growth(file, u64::MAX), Err(FileError::Quota));
    files.write(file, 990, &[1; 10]).unwrap();
    let other = create(&mut files, TMP, "other").unwrap();
    assert_eq!(files.growth(other, 1), Err(FileError::Quota));
    // Cut or taken away, bytes are there again; kept open, they are not.
    files.resize(file, 999).unwrap();
    assert_eq!(files.growth(other, 1), Ok(1));
    files.keep(file).unwrap();
    files.unlink(TMP, "file").unwrap();
    assert_eq!(files.growth(other, 2), Err(FileError::Quota));
    files.let_go(file);
    assert_eq!(files.growth(other, 1_000), Ok(1_000));
    files.unlink(TMP, "other").unwrap();
    assert_eq!((files.files, files.file_bytes), (0, 0));

    for at in 0..20 {
        create(&mut files, TMP, &format!("{at}")).unwrap();
    }
    let one_more = [
        create(&mut files, TMP, "more").map(|_| ()),
        files.create_folder(TMP, "more"),
        files.create_link("1", TMP, "more"),
        files.link((TMP, "1"), false, (TMP, "more")),
    ];
    assert_eq!(one_more, [Err(FileError::NoSpace); 4]);
    files.unlink(TMP, "1").unwrap();
    files.link((TMP, "2"), false, (TMP, "more")).unwrap();
    assert_eq!(files.create_folder(TMP, "x"), Err(FileError::NoSpace));
    files.unlink(TMP, "2").unwrap();
    files.create_folder(TMP, "x").unwrap();
}

#[test]
fn folders_are_no_deeper_than_allowed_however_they_come_there() {
    let mut files = files();
    for path in ["1", "1/2", "1/2/3", "1/2/3/4"] {
        files.create_folder(TMP, path).unwrap();
    }
    assert_eq!(
        files.create_folder(TMP, "1/2/3/4/5"),
        Err(FileError::NameTooLong)
    );
    files.create_folder(TMP, "a").unwrap();
    files.create_folder(TMP, "a/b").unwrap();
    let moved = files.rename((TMP, "a"), (TMP, "1/2/3/a"));
    assert_eq!(moved, Err(FileError::NameTooLong));
    files.rename((TMP, "a"), (TMP, "1/2/a")).unwrap();
    assert!(files.find(TMP, "1/2/a/b", false).unwrap().node.is_some());
    // Not into itself.
    let moved = files.rename((TMP, "1"), (TMP, "1/2/one"));
    assert_eq!(moved, Err(FileError::Invalid));
    let moved = files.rename((TMP, "1"), (TMP, "1"));
    assert_eq!(moved, Ok(()));
}

#[test]
fn what_is_in_out_could_be_an_output() {
    let mut files = files();
    for (path, expected) in [
        ("a b", FileError::IllegalName),
        ("ä", FileError::IllegalName),
        ("stdout", FileError::NotPermitted),
        ("stderr", FileError::NotPermitted),
    ] {
        assert_eq!(create(&mut files, OUT, path), Err(expected), "{path}");
    }
    create(&mut files, TMP, "ä b").unwrap();
    let moved = files.rename((TMP, "ä b"), (OUT, "ok"));
    assert_eq!(moved, Err(FileError::CrossDevice));
    assert_eq!(
        files.create_link("a", OUT, "b"),
        Err(FileError::NotPermitted)
    );
    let long = "a".repeat(200);
    files.create_folder(OUT, &long).unwrap();
    let longest = format!("{long}/{}", "b".repeat(54));
    create(&mut files, OUT, &longest).unwrap();
    assert_eq!(
        create(&mut files, OUT, &(longest.clone() + "c")),
        Err(FileError::NameTooLong)
    );
    let moved = files.rename((OUT, &long), (OUT, &"c".repeat(201)));
    assert_eq!(moved, Err(FileError::NameTooLong));
    assert_eq!(
        files.link((OUT, &longest), false, (OUT, "twice")),
        Err(FileError::NotPermitted)
    );
    files.write_stream(false, b"out").unwrap();
    for name in ["1", "2", "3"] {
        create(&mut files, OUT, name).unwrap();
    }
    assert_eq!(create(&mut files, OUT, "4"), Err(FileError::NoSpace));
    files.unlink(OUT, "2").unwrap();
    assert_eq!(files.create_output("5/x/y").map(|_| ()), Ok(()));
    assert_eq!(
        files.create_output("5/x").map(|_| ()),
        Err(FileError::NoSpace)
    );
    files.unlink(OUT, "1").unwrap();
    assert_eq!(
        files.create_output("5/x").map(|_| ()),
        Err(FileError::Exists)
    );
    assert_eq!(
        files.create_output("3/x").map(|_| ()),
        Err(FileError::Exists)
    );
    let left: Vec<String> = files
        .into_outputs()
        .unwrap()
        .into_iter()
        .map(|(name, ..)| name)
        .collect();
    assert_eq!(left, ["3".into(), "5/x/y".into(), longest, "stdout".into()]);
}

#[test]
fn a_folder_that_was_taken_away_takes_nothing_new() {
    let mut files = files();
    files.create_folder(TMP, "gone").unwrap();
    let gone = files.find(TMP, "gone", false).unwrap().node.unwrap();
    files.keep(gone).unwrap();
    create(&mut files, TMP, "file").unwrap();
    files.remove_folder(TMP, "gone").unwrap();
    assert_eq!(create(&mut files, gone, "new"), Err(FileError::NotFound));
    assert_eq!(files.create_folder(gone, "new"), Err(FileError::NotFound));
    assert_eq!(
        files.rename((TMP, "file"), (gone, "new")),
        Err(FileError::NotFound)
    );
    assert_eq!(
        files.link((TMP, "file"), false, (gone, "new")),
        Err(FileError::NotFound)
    );
    files.let_go(gone);
    assert!(files.stat(gone).is_err());
}
