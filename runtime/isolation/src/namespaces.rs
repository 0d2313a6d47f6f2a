//! Owns the namespaces that all workers of a zygote share, and the user that they are. Knows no worker.

use std::fs;

use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount,
};
use rustix::process::{
    DumpableBehavior, Gid, Uid, chdir, getegid, geteuid, pivot_root, set_dumpable_behavior,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, UnshareFlags, capabilities, set_capabilities,
    set_keep_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    unshare_unsafe,
};

use crate::layer::{Layer, Layers};
use crate::report::Report;

/// `nobody`: who a zygote started by root becomes, and what any user looks like from inside.
const NOBODY: u32 = 65534;

/// Puts up, one by one, what a process does to itself before it forks workers. What the kernel refuses is
/// written into the report, and the rest goes on.
///
/// To be called with one thread: users and namespaces belong to threads.
pub(crate) fn enter(layers: Layers, report: &mut Report) {
    report.put_up(layers, Layer::OrdinaryUser, become_ordinary);
    report.put_up(layers, Layer::UserNamespace, || {
        // Read before: inside, and not yet mapped, every user looks the same.
        let (user, group) = (geteuid(), getegid());
        unshare(UnshareFlags::NEWUSER)?;
        map_to_nobody(user, group)
    });
    report.put_up(layers, Layer::NetworkNamespace, || {
        unshare(UnshareFlags::NEWNET)
    });
    report.put_up(layers, Layer::IpcNamespace, || {
        unshare(UnshareFlags::NEWIPC)
    });
    report.put_up(layers, Layer::UtsNamespace, || {
        unshare(UnshareFlags::NEWUTS)
    });
    report.put_up(layers, Layer::CgroupNamespace, || {
        unshare(UnshareFlags::NEWCGROUP)
    });
    // Last: from here on there is no file system.
    report.put_up(layers, Layer::MountNamespace, || {
        unshare(UnshareFlags::NEWNS)?;
        empty_the_root()
    });
}

/// Gives up being root, and keeps root's capabilities for a moment, in case there are no user namespaces.
fn become_ordinary() -> Result<(), Errno> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    set_keep_capabilities(true)?;
    set_thread_groups(&[])?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)?;
    let permitted = capabilities(None)?.permitted;
    let inheritable = CapabilitySet::empty();
    set_capabilities(
        None,
        CapabilitySets {
            effective: permitted,
            permitted,
            inheritable,
        },
    )?;
    // The change of user made `/proc/self` root's, and the maps are still to be written there.
    set_dumpable_behavior(DumpableBehavior::Dumpable)
}

/// Maps this user and group to `nobody`, the only ones there are inside.
fn map_to_nobody(user: Uid, group: Gid) -> Result<(), Errno> {
    let (user, group) = (user.as_raw(), group.as_raw());
    write("setgroups", "deny")?;
    write("uid_map", &format!("{NOBODY} {user} 1"))?;
    write("gid_map", &format!("{NOBODY} {group} 1"))
}

fn write(file: &str, text: &str) -> Result<(), Errno> {
    fs::write(format!("/proc/self/{file}"), text)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

/// A root directory with nothing in it that nobody can write to, in place of the host's.
fn empty_the_root() -> Result<(), Errno> {
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RDONLY;
    // Any directory will do to mount it on; this one is there, or the threads could not have been counted.
    mount(
        "none",
        "/proc",
        "tmpfs",
        flags,
        Some(c"mode=555,size=4k,nr_inodes=1"),
    )?;
    chdir("/proc")?;
    // The old root comes to lie on the new one, and is taken off.
    pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    chdir("/")
}

fn unshare(what: UnshareFlags) -> Result<(), Errno> {
    // SAFETY: the process has one thread, so none is surprised by what is no longer shared; descriptors,
    // the one thing that makes this call unsafe, stay shared.
    unsafe { unshare_unsafe(what) }
}
