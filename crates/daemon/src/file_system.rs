//! What kind of file system a path lies on: events and database locks can be trusted on local ones only.

use std::path::Path;

use rustix::{
    fd::AsFd,
    fs::{fstatfs, statfs},
    io,
};

/// Magic numbers of file systems whose changes may happen on another host, from Linux's `magic.h` and `statfs(2)`.
const NETWORK: [(u32, &str); 19] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x6573_5546, "FUSE"),
    (0x0102_1997, "9P"),
    (0x00c3_6400, "Ceph"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x0116_1970, "GFS2"),
    (0x7461_636f, "OCFS2"),
    (0x7375_7245, "Coda"),
    (0x0000_564c, "NCP"),
    (0x1983_0326, "BeeGFS"),
    (0x2003_0528, "OrangeFS"),
    (0xbacb_acbc, "VMware shared folders"),
    (0x786f_4256, "VirtualBox shared folders"),
];

/// Name of the network file system that `path` lies on, or `None` on a local one.
///
/// # Errors
/// When the path cannot be asked about.
pub fn network_name(path: &Path) -> io::Result<Option<&'static str>> {
    let magic = statfs(path)?.f_type;
    Ok(name_of(magic as u64))
}

/// The same of an open file.
///
/// # Errors
/// When the file system does not say.
pub fn network_name_of(file: impl AsFd) -> io::Result<Option<&'static str>> {
    let magic = fstatfs(file)?.f_type;
    Ok(name_of(magic as u64))
}

/// Whether the file system of that name (none of a local one) keeps the times of inodes' changes itself. Behind FUSE
/// they are whatever a program says, which may be another time at every look.
pub fn has_change_times(network: Option<&str>) -> bool {
    network != Some("FUSE")
}

/// The numbers are 32 bits wide, in fields of differing width and sign.
fn name_of(magic: u64) -> Option<&'static str> {
    NETWORK.iter().find(|(number, _)| u64::from(*number) == magic & 0xffff_ffff).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `stat -f -c '%t %T'` prints on each: names of GNU coreutils' table, numbers as it prints them.
    #[test]
    fn every_file_system_is_told_apart_by_its_number() {
        let network = [
            ("nfs", "6969"),
            ("smb", "517b"),
            ("cifs", "ff534d42"),
            ("smb2", "fe534d42"),
            ("fuseblk", "65735546"),
            ("v9fs", "1021997"),
            ("ceph", "c36400"),
            ("afs", "5346414f"),
            ("k-afs", "6b414653"),
            ("lustre", "bd00bd0"),
            ("gpfs", "47504653"),
            ("gfs/gfs2", "1161970"),
            ("ocfs2", "7461636f"),
            ("coda", "73757245"),
            ("novell", "564c"),
            ("beegfs", "19830326"),
            ("orangefs", "20030528"),
            ("vmhgfs", "bacbacbc"),
            ("vboxsf", "786f4256"),
        ];
        let local = [
            ("ext2/ext3", "ef53"),
            ("xfs", "58465342"),
            ("btrfs", "9123683e"),
            ("zfs", "2fc12fc1"),
            ("tmpfs", "1021994"),
            ("overlayfs", "794c7630"),
            ("f2fs", "f2f52010"),
            ("ecryptfs", "f15f"),
            ("exfat", "2011bab0"),
            ("ntfs", "5346544e"),
        ];
        let number = |hex: &str| u64::from_str_radix(hex, 16).unwrap();
        assert_eq!(network.len(), NETWORK.len());
        for (name, hex) in network {
            assert!(name_of(number(hex)).is_some(), "{name}");
        }
        for (name, hex) in local {
            assert_eq!(name_of(number(hex)), None, "{name}");
        }
    }

    #[test]
    fn signed_fields_are_recognised_too() {
        assert_eq!(name_of(0xffff_ffff_ff53_4d42), Some("CIFS"));
        assert_eq!(name_of(0xef53), None, "ext4 is local");
        assert!(has_change_times(name_of(0xef53)) && has_change_times(name_of(0x6969)));
        assert!(!has_change_times(name_of(0x6573_5546)));
    }

    #[test]
    fn proc_is_not_a_network() {
        assert_eq!(network_name(Path::new("/proc")), Ok(None));
        assert!(network_name(Path::new("/no such folder")).is_err());
    }
}
