//! What a run leaves: the files in `/out`, by the names that they have as outputs, and the standard streams.

use std::collections::BTreeMap;

use super::content::Content;
use super::{
    FileError, FileType, Filed, Files, Kept, Kind, NAME_BYTES_MAX, Node, NodeId, OUT,
    PATH_BYTES_MAX,
};
use crate::job::{STDERR, STDOUT};
use crate::outputs::is_valid_name;
use crate::tally::HostEnd;

impl Files {
    /// Whether an output may have this name in this folder of `/out`, and names that are `longer`.
    pub(super) fn check_output_name(
        &mut self,
        folder: NodeId,
        name: &str,
        longer: usize,
    ) -> Filed<()> {
        if !is_valid_name(name) {
            return Err(FileError::IllegalName);
        }
        let full = self.output_name(folder, name)?;
        if full.len() + longer > NAME_BYTES_MAX {
            return Err(FileError::NameTooLong);
        }
        // These are the names of the standard streams.
        if full == STDOUT || full == STDERR {
            return Err(FileError::NotPermitted);
        }
        Ok(())
    }

    /// The name that `name` in this folder of `/out` has as an output.
    fn output_name(&mut self, folder: NodeId, name: &str) -> Filed<String> {
        let mut full = name.to_string();
        let mut at = folder;
        while at != OUT {
            self.step(1)?;
            // A folder that was taken away has no name, and nothing in it can be an output.
            let Node {
                names: 1..,
                kind:
                    Kind::Folder {
                        parent: Some((parent, of)),
                        ..
                    },
                ..
            } = self.node(at)?
            else {
                return Err(FileError::NotFound);
            };
            full = format!("{of}/{full}");
            if full.len() > PATH_BYTES_MAX {
                return Err(FileError::NameTooLong);
            }
            let parent = *parent;
            at = parent;
        }
        Ok(full)
    }

    /// Makes an output of this name, with the folders that it is in. The caller keeps it.
    pub(crate) fn create_output(&mut self, name: &str) -> Filed<NodeId> {
        if !is_valid_name(name) {
            return Err(FileError::IllegalName);
        }
        if name == STDOUT || name == STDERR {
            return Err(FileError::Exists);
        }
        if self.outputs >= self.outputs_max {
            return Err(FileError::NoSpace);
        }
        for (at, _) in name.match_indices('/') {
            match self.create_folder(OUT, &name[..at]) {
                Ok(()) => {}
                Err(FileError::Exists) => {
                    let found = self.find(OUT, &name[..at], false)?;
                    let node = found.node.ok_or(FileError::NotFound)?;
                    if self.stat(node)?.file_type != FileType::Folder {
                        return Err(FileError::Exists);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        let found = self.find(OUT, name, false)?;
        if found.node.is_some() {
            return Err(FileError::Exists);
        }
        self.create(&found, Kind::File(Content::default()))
    }

    /// Appends to the standard output or error what has been charged.
    pub(crate) fn write_stream(&mut self, is_stderr: bool, bytes: &[u8]) -> Result<(), HostEnd> {
        let stream = &mut self.streams[usize::from(is_stderr)];
        if stream.is_none() {
            self.outputs += 1;
        }
        let content = stream.get_or_insert_default();
        let end = content.bytes();
        self.storage
            .write(content, end, bytes)
            .map_err(|error| HostEnd::Fault(format!("writing an output failed: {error}")))
    }

    /// All that the run leaves behind, sorted by name.
    pub(crate) fn into_outputs(mut self) -> std::io::Result<Vec<(String, [u8; 32], Kept)>> {
        let mut contents: BTreeMap<String, Content> = BTreeMap::new();
        for (name, stream) in [STDOUT, STDERR]
            .into_iter()
            .zip(std::mem::take(&mut self.streams))
        {
            contents.extend(stream.map(|content| (name.to_string(), content)));
        }
        let mut open = vec![(OUT, String::new())];
        while let Some((folder, prefix)) = open.pop() {
            let Some(Node {
                kind: Kind::Folder { entries, .. },
                ..
            }) = self.nodes.remove(&folder)
            else {
                continue;
            };
            for (name, id) in entries {
                let name = format!("{prefix}{name}");
                match self.nodes.get_mut(&id).map(|node| &mut node.kind) {
                    Some(Kind::File(content)) => {
                        contents.insert(name, std::mem::take(content));
                    }
                    Some(Kind::Folder { .. }) => open.push((id, name + "/")),
                    _ => {}
                }
            }
        }
        contents
            .into_iter()
            .map(|(name, content)| {
                let (sha256, kept) = self.storage.finish(content)?;
                Ok((name, sha256, kept))
            })
            .collect()
    }
}
