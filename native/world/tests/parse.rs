//! Texts of `/proc`, honest and foreign.

use peregrine_world::{
    Accounts, User,
    parse::{parse_cgroup, parse_descriptor_limit, parse_number, parse_stat, parse_status},
};
use proptest::prelude::*;

const REST: &str = "S 1 40 39 34816 77 4194560 1 2 3 4 5 6 7 8 20 0 1 0 1234 99 100";

#[test]
fn stat_is_read_whatever_the_name_holds() {
    let names: [&[u8]; 6] = [b"sh", b"", b"a b", b") S 9 9", b"((sd-pam))", b"\xff\n\x01)"];
    for name in names {
        let text = [b"41 (", name, b") ", REST.as_bytes(), b"\n"].concat();
        let stat = parse_stat(&text).expect("a whole line");
        assert_eq!(stat.comm, name);
        assert_eq!((stat.pid, stat.state, stat.parent_pid), (41, b'S', 1));
        assert_eq!((stat.group_id, stat.session_id, stat.tty), (40, 39, 34816));
        assert_eq!((stat.minor_faults, stat.major_faults, stat.threads), (1, 3, 1));
        assert_eq!(stat.start_ticks, 1234);
    }
}

#[test]
fn a_broken_stat_is_none() {
    let texts = ["", "41", "41 (sh", "41 sh) S", "41 (sh) S 1 2 3", "x (sh) S 1 2 3", ")("];
    for text in texts {
        assert_eq!(parse_stat(text.as_bytes()), None, "{text}");
    }
    let cut = format!("41 (sh) {}", &REST[..REST.find(" 1234").unwrap()]);
    assert_eq!(parse_stat(cut.as_bytes()), None);
}

const STATUS: &str = "Name:\tsh\nUid:\t1000\t1001\t1002\t1003\nGid:\t5\t6\t7\t8\nNStgid:\t410\t7\nNSpid:\t410\t8\n\
    NSpgid:\t400\t6\nNSsid:\t390\t5\nCapInh:\t0000000000000001\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000000002\n";

#[test]
fn status_gives_ids_of_the_innermost_namespace() {
    let status = parse_status(STATUS.as_bytes()).unwrap();
    assert_eq!(status.uids, (1000, 1001));
    assert_eq!(status.gids, (5, 6));
    assert_eq!(status.inner, (7, 6, 5));
    assert_eq!(status.capabilities, (1, 0x1ff_ffff_ffff, 2));
    assert_eq!(parse_status(STATUS.replace("CapEff", "Cap").as_bytes()), None);
    assert_eq!(parse_status(STATUS.replace("1000", "root").as_bytes()), None);
}

#[test]
fn status_gives_memory_where_a_process_has_any() {
    let memory = "VmSize:\t  2576 kB\nVmRSS:\t   904 kB\nVmSwap:\t     8 kB\n";
    let status = parse_status(format!("{STATUS}{memory}").as_bytes()).unwrap();
    assert_eq!(status.memory, (2576, 904, 8));
    assert_eq!(parse_status(STATUS.as_bytes()).unwrap().memory, (0, 0, 0));
}

#[test]
fn the_limit_of_descriptors_is_the_soft_one() {
    let limits = |soft: &str| {
        format!("Limit   Soft Limit  Hard Limit  Units\nMax open files  {soft}  4096  files\n")
    };
    assert_eq!(parse_descriptor_limit(limits("1024").as_bytes()), Some(1024));
    assert_eq!(parse_descriptor_limit(limits("unlimited").as_bytes()), Some(u64::MAX));
    assert_eq!(parse_descriptor_limit(b"Max processes 1 2 processes\n"), None);
}

#[test]
fn the_cgroup_is_that_of_the_first_controller_that_runtimes_use() {
    let cases: [(&str, &str); 8] = [
        ("0::/system.slice/a.service\n", "/system.slice/a.service"),
        ("4:memory:/docker/a\n3:pids:/docker/b\n0::/\n", "/docker/b"),
        ("4:memory:/docker/a\n3:pids:/\n0::/x\n", "/docker/a"),
        ("5:cpuset:/c\n4:memory:/\n1:name=systemd:/s\n0::/x\n", "/c"),
        ("2:cpu,pids:/both\n", "/both"),
        ("2:cpu,pids:/\n0::/unified:with:colons\n", "/unified:with:colons"),
        ("1:name=systemd:/s\n", ""),
        ("", ""),
    ];
    for (text, expected) in cases {
        assert_eq!(parse_cgroup(text.as_bytes()), expected.as_bytes(), "{text}");
    }
}

#[test]
fn a_number_is_the_whole_text() {
    let cases = [("1000\n", Some(1000)), ("4294967295", Some(u32::MAX)), ("-1", None), ("", None)];
    for (text, expected) in cases {
        assert_eq!(parse_number(text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn accounts_are_found_by_id_and_the_first_line_counts() {
    let passwd = b"root:x:0:0:root:/root:/bin/bash\n\n# remark\nbroken\n:x:7:7::/:/bin/sh\n\
        app:x:1000:1000::/srv/app\nlate:x:1000:1::/x:/y\nbad:x:no:1::/:/\n";
    let accounts = Accounts::parse(passwd, b"root:x:0:\nstaff:x:50:a,b\n");
    let root = User { name: b"root", home: b"/root", shell: b"/bin/bash" };
    assert_eq!(accounts.user(0), Some(root));
    assert_eq!(accounts.user(1000), Some(User { name: b"app", home: b"/srv/app", shell: b"" }));
    assert_eq!(accounts.user(7), None);
    assert_eq!(accounts.group(50), Some(&b"staff"[..]));
    assert_eq!(accounts.group(51), None);
}

#[test]
fn an_endless_user_file_is_bounded() {
    let passwd: String = (0..100_000).map(|uid| format!("u:x:{uid}:0::/:/\n")).collect();
    let accounts = Accounts::parse(passwd.as_bytes(), b"");
    assert!(accounts.user(65_535).is_some() && accounts.user(65_536).is_none());
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        parse_stat(&bytes);
        parse_status(&bytes);
        parse_cgroup(&bytes);
        parse_number(&bytes);
        parse_descriptor_limit(&bytes);
        Accounts::parse(&bytes, &bytes);
    }

    #[test]
    fn what_is_changed_in_a_text_is_read_or_refused(at in 0usize..300, byte: u8) {
        let mut stat = format!("41 (sh) {REST}").into_bytes();
        let mut status = STATUS.as_bytes().to_vec();
        let (in_stat, in_status) = (at % stat.len(), at % status.len());
        stat[in_stat] = byte;
        status[in_status] = byte;
        if let Some(stat) = parse_stat(&stat) {
            prop_assert!(stat.comm.len() < 100);
        }
        parse_status(&status);
    }
}
