//! Names of hosts, as they can be looked up.

/// Longest name that the domain name system knows.
const LIMIT: usize = 253;

/// Whether a text can be the whole name of a host, or is an address.
pub(crate) fn is_one(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    (1..=LIMIT).contains(&text.len()) && text.bytes().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_is_whole_and_of_plain_letters() {
        for name in ["localhost", "api.example.com", "a_b-c.example.", "::1", "192.0.2.1"] {
            assert!(is_one(name), "{name}");
        }
        let long = "a".repeat(254);
        for text in
            ["", "*.example.com", "<NA>", "a b", "https://example.com", "b\u{fc}cher.de", &long]
        {
            assert!(!is_one(text), "{text}");
        }
    }
}
