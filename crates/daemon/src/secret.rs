//! Which names are those of secrets. Callers: `--print-config`, and reports of `aurora-perf`; what to do about a value
//! is theirs.

/// Words that make the name of a flag, a variable, a header or a parameter that of a secret.
const WORDS: [&str; 10] =
    ["KEY", "TOKEN", "SECRET", "PASSW", "PASSPHRASE", "PWD", "AUTH", "CREDENTIAL", "COOKIE", "SIGNATURE"];
/// Names too short to look for inside others.
const NAMES: [&str; 2] = ["SIG", "PASS"];
/// What a name ends with whose value only says where the secret lies.
const PLACE: &str = "FILE";

/// Stands for a secret.
pub const MASK: &str = "***";

/// Whether the value beside `name` is a secret: a flag's with its dashes or without, a variable's, a header's or a
/// parameter's, in any case of letters.
pub fn is_secret(name: &str) -> bool {
    let name = name.trim_start_matches('-').to_ascii_uppercase();
    let is_named = WORDS.iter().any(|word| name.contains(word)) || NAMES.contains(&name.as_str());
    is_named && !name.ends_with(PLACE)
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn names_of_secrets_are_told_from_others() {
        for name in ["--token", "API_KEY", "x-amz-signature", "sig", "pass", "sslpassword", "Set-Cookie"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["--token-file", "AURORA_TOKEN_FILE", "sigma", "compass", "sslmode", ""] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
