//! Names that stand for ports, as rules write them. The machine's own table is not read, so a rule
//! means the same everywhere.

/// The port of a service, by its registered name.
pub(super) fn port(name: &str) -> Option<u16> {
    let index = SERVICES.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    Some(SERVICES[index].1)
}

#[rustfmt::skip]
static SERVICES: &[(&str, u16)] = &[
    ("amqp", 5672), ("bgp", 179), ("bootpc", 68), ("bootps", 67), ("domain", 53), ("finger", 79),
    ("ftp", 21), ("ftp-data", 20), ("gopher", 70), ("http", 80), ("http-alt", 8080), ("https", 443),
    ("imap", 143), ("imap2", 143), ("imaps", 993), ("ipp", 631), ("irc", 194), ("ircd", 6667),
    ("kerberos", 88), ("ldap", 389), ("ldaps", 636), ("microsoft-ds", 445), ("mqtt", 1883),
    ("ms-sql-s", 1433), ("mysql", 3306), ("netbios-dgm", 138), ("netbios-ns", 137),
    ("netbios-ssn", 139), ("nfs", 2049), ("nntp", 119), ("ntp", 123), ("pop3", 110), ("pop3s", 995),
    ("postgresql", 5432), ("redis", 6379), ("rsync", 873), ("rtsp", 554), ("sip", 5060),
    ("smtp", 25), ("smtps", 465), ("snmp", 161), ("snmp-trap", 162), ("socks", 1080), ("ssh", 22),
    ("submission", 587), ("sunrpc", 111), ("syslog", 514), ("telnet", 23), ("tftp", 69),
    ("time", 37), ("whois", 43), ("xmpp-client", 5222),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted() {
        assert!(SERVICES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(port("https"), Some(443));
    }
}
