//! Follows a path through the tree, never out of the folder that it began in.

use std::collections::VecDeque;

use super::{FileError, Filed, Files, Kind, NAME_BYTES_MAX, NodeId, PATH_BYTES_MAX};

/// Symbolic links that one path may lead through: as many as Linux follows.
const LINKS_MAX: u32 = 40;
/// Names that one path may come to, those of symbolic links among them: with this, the longest path
/// is looked up in microseconds.
const STEPS_MAX: u32 = 2_048;

/// Bytes of a symbolic link that are read for the price of a step.
const LINK_STEP_BYTES: u64 = 32;

/// The names that a path is made of.
fn names_of(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/').filter(|name| !name.is_empty())
}

/// Where a path leads.
#[derive(Debug)]
pub(crate) struct Found {
    /// The folder that it ends in.
    pub(super) folder: NodeId,
    /// The last name, unless the path ends in `.` or `..`.
    pub(super) name: Option<String>,
    /// What is there, if anything is.
    pub(crate) node: Option<NodeId>,
    /// Whether the path ends in a slash, so that only a folder will do.
    pub(super) is_folder_asked: bool,
}

impl Found {
    /// The name of what is to be made there.
    pub(super) fn new_name(&self) -> Filed<&str> {
        if self.is_folder_asked {
            return Err(FileError::IsFolder);
        }
        self.name.as_deref().ok_or(FileError::Exists)
    }
}

impl Files {
    /// Follows `path` from `folder` on. A symbolic link at its end is followed on request.
    pub(crate) fn find(&mut self, folder: NodeId, path: &str, follow: bool) -> Filed<Found> {
        if path.len() > PATH_BYTES_MAX {
            return Err(FileError::NameTooLong);
        }
        if path.is_empty() {
            return Err(FileError::NotFound);
        }
        if path.contains('\0') {
            return Err(FileError::Invalid);
        }
        if path.starts_with('/') {
            return Err(FileError::NotPermitted);
        }
        // Folders from the first to where we are: `..` never leads before the first.
        let mut trail = vec![folder];
        let mut names: VecDeque<String> = names_of(path).map(str::to_string).collect();
        let mut ends_in_slash = path.ends_with('/');
        let mut links = 0;
        let mut steps = 0;
        while let Some(name) = names.pop_front() {
            steps += 1;
            self.step(1)?;
            if steps > STEPS_MAX {
                return Err(FileError::NameTooLong);
            }
            let at = *trail.last().ok_or(FileError::NotPermitted)?;
            let entries = self.entries(at)?;
            match name.as_str() {
                "." => continue,
                ".." => {
                    trail.pop();
                    if trail.is_empty() {
                        return Err(FileError::NotPermitted);
                    }
                    continue;
                }
                _ if name.len() > NAME_BYTES_MAX => return Err(FileError::NameTooLong),
                _ => {}
            }
            let is_last = names.is_empty();
            let is_folder_asked = is_last && ends_in_slash;
            let node = entries.get(&name).copied();
            if let Some(node) = node
                && let Kind::Link(target) = &self.node(node)?.kind
                && (!is_last || follow || is_folder_asked)
            {
                links += 1;
                if links > LINKS_MAX {
                    return Err(FileError::Loop);
                }
                // It is read anew each time, and may be all slashes.
                let length = crate::host::wide(target.len());
                ends_in_slash |= is_last && target.ends_with('/');
                let inner: Vec<String> = names_of(target).map(str::to_string).collect();
                self.step(length / LINK_STEP_BYTES)?;
                for name in inner.into_iter().rev() {
                    names.push_front(name);
                }
                continue;
            }
            if is_last {
                return Ok(Found {
                    folder: at,
                    name: Some(name),
                    node,
                    is_folder_asked,
                });
            }
            let node = node.ok_or(FileError::NotFound)?;
            if !matches!(self.node(node)?.kind, Kind::Folder { .. }) {
                return Err(FileError::NotFolder);
            }
            trail.push(node);
        }
        let at = *trail.last().ok_or(FileError::NotPermitted)?;
        Ok(Found {
            folder: at,
            name: None,
            node: Some(at),
            is_folder_asked: true,
        })
    }
}
