//! Hosts as `hosts` of a rule names them, and whether a text names one, however an address is spelled.
//!
//! What connects takes more spellings than people write: `2852039166`, `0xa9.0xfe.0xa9.0xfe` and
//! `[::ffff:a9fe:a9fe]` are one address. Owns that knowledge. Pure; asks no name server.

use super::At;
use super::fields::{Problems, shown};
use super::seen::Seen;
use crate::gate::call::{ShellCommand, Word};
use crate::gate::fetchers;
use crate::gate::options::Item;
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Zones whose names say the address that they have: `169.254.169.254.nip.io`, `a9fea9fe.sslip.io`.
const SAYING: [&str; 4] = [".nip.io", ".sslip.io", ".xip.io", ".traefik.me"];

/// A list of hosts.
#[derive(Debug, Clone, Default)]
pub(super) struct Hosts(Vec<Host>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Address(IpAddr),
    /// In small letters, without a dot at its end.
    Name(String),
}

impl Hosts {
    /// Reads the entries of a list.
    pub fn read<'t>(texts: impl IntoIterator<Item = (At, &'t str)>, problems: &mut Problems<'_>) -> Self {
        let mut hosts = Vec::new();
        for (at, text) in texts {
            let is_name = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
            match text.parse::<IpAddr>() {
                Ok(address) => hosts.push(Host::Address(plain(address))),
                Err(_) if is_name && ipv4(text).is_none() => hosts.push(Host::Name(text.to_ascii_lowercase())),
                Err(_) => problems.at(
                    at,
                    format!(
                        "`{}` is no host: write a name, or an address as `192.0.2.1` or `2001:db8::1`",
                        shown(text)
                    ),
                ),
            }
        }
        Self(hosts)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether a command is told to go to one of them: not by what it sends or says.
    pub fn are_gone_to(&self, seen: &Seen<'_>) -> bool {
        let own = addressed(seen.command);
        let printed = if own.iter().any(|text| text.contains("$()")) { seen.printed() } else { &[] };
        own.iter().chain(printed.iter().map(|word| &word.text)).any(|text| self.are_named(text))
    }

    /// Whether a text names one: an address where it leads to, a word in front of its first slash, code anywhere. A
    /// name without a dot counts only as an address' host: other words look like it.
    pub fn are_named(&self, text: &str) -> bool {
        let text = written(text);
        let is_code = text.contains(|c: char| c.is_whitespace() || "\"'`,;".contains(c));
        // Of one address what stands in its path and its question is no host.
        let hosts = text.match_indices("//").take(if is_code { usize::MAX } else { 1 });
        let mut hosts = hosts.filter_map(|(at, slashes)| {
            let rest = text.get(at + slashes.len()..)?;
            rest.split(['/', '?', '#', '"', '\'', '`', ' ', ')']).next()
        });
        if is_code {
            return hosts.any(|host| self.is_host(host)) || self.is_among(&text);
        }
        match hosts.next() {
            Some(host) => self.is_host(host) || self.is_among(host),
            None => self.is_among(text.split(['/', '?']).next().unwrap_or_default()),
        }
    }

    /// `user@host:80` as one; where a `\` stands, readers differ over which part is the host.
    fn is_host(&self, text: &str) -> bool {
        text.split(['@', '\\']).any(|host| self.has_name(host.split(':').next().unwrap_or_default()))
    }

    fn is_among(&self, text: &str) -> bool {
        text.split(between).any(|token| self.is_one(token))
    }

    /// Whether letters, digits, dots and colons are one, or end or begin in one: `x.com:80:169.254.169.254`.
    fn is_one(&self, token: &str) -> bool {
        let address = |address: IpAddr| self.0.contains(&Host::Address(plain(address)));
        if token.matches(':').count() > 1 && token.parse::<Ipv6Addr>().is_ok_and(|found| address(found.into())) {
            return true;
        }
        token.split(':').any(|part| {
            // `-x169.254.169.254` is an option and its value.
            let attached = part.strip_prefix('-').and_then(|option| option.get(1..));
            let spellings = [Some(part), attached].into_iter().flatten();
            let mut spellings = spellings.map(|part| part.trim_end_matches('.')).filter(|part| !part.is_empty());
            spellings.any(|part| {
                ipv4(part).or_else(|| said(part)).is_some_and(|found| address(found.into()))
                    || part.contains('.') && self.has_name(part)
            })
        })
    }

    fn has_name(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        self.0.iter().any(|host| matches!(host, Host::Name(own) if *own == name))
    }
}

/// What stands between hosts in a text.
fn between(c: char) -> bool {
    !(c.is_ascii_alphanumeric() || "._:-".contains(c))
}

/// The address that another one leads to: IPv4 within IPv6.
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(long) = address else { return address };
    let [a, b, c, d, e, f, high, low] = long.segments();
    // Mapped, compatible, and what a network translates (64:ff9b::/96).
    let holds = matches!([a, b, c, d, e, f], [0, 0, 0, 0, 0, 0 | 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0]);
    // `::1` is no address of the short kind.
    if !holds || high == 0 && f == 0 {
        return address;
    }
    Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)).into()
}

/// An address as C libraries read it: one to four numbers, of ten, of eight (`0…`) or of sixteen (`0x…`), the last of
/// which fills what is left.
fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let number = |part: &str| {
        let (digits, base) = match part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")) {
            Some(digits) => (digits, 16),
            None if part.len() > 1 && part.starts_with('0') => (part, 8),
            None => (part, 10),
        };
        // Signs are no digits.
        digits.chars().all(|c| c.is_digit(base)).then(|| u64::from_str_radix(digits, base).ok())?
    };
    let parts: Vec<&str> = text.split('.').collect();
    let (last, first) = parts.split_last().filter(|(_, first)| first.len() < 4)?;
    let mut address = 0_u64;
    for part in first {
        address = address << 8 | number(part).filter(|byte| *byte <= 0xff)?;
    }
    let bits = 32 - 8 * u32::try_from(first.len()).ok()?;
    let last = number(last).filter(|last| *last >> bits == 0)?;
    u32::try_from(address << bits | last).ok().map(Ipv4Addr::from)
}

/// The address that a name of one of the zones says: its last four numbers, with dots or dashes, or eight digits.
fn said(name: &str) -> Option<Ipv4Addr> {
    let name = name.to_ascii_lowercase();
    let rest = SAYING.iter().find_map(|zone| name.strip_suffix(zone))?;
    let last = rest.rsplit('.').next().unwrap_or_default();
    if last.len() == 8 && last.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return u32::from_str_radix(last, 16).ok().map(Ipv4Addr::from);
    }
    let numbers = rest.replace('-', ".");
    let mut numbers: Vec<&str> = numbers.rsplit('.').take(4).collect();
    numbers.reverse();
    numbers.join(".").parse().ok()
}

/// A text as an address is read: `%31` is a `1`, wide letters and dots are plain ones.
fn written(text: &str) -> Cow<'_, str> {
    if text.is_ascii() && !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut read = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let code = u32::from(c);
        let plain = match c {
            '。' | '．' | '｡' => '.',
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(code - 0xfee0).unwrap_or(c),
            '①'..='⑨' => char::from_u32(code - 0x2460 + u32::from('1')).unwrap_or(c),
            '⓪' => '0',
            '%' => {
                let digits = rest.as_str().get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
                match digits.filter(u8::is_ascii_graphic) {
                    Some(byte) => {
                        rest.nth(1);
                        char::from(byte)
                    }
                    None => c,
                }
            }
            c => c,
        };
        read.push(plain);
    }
    Cow::Owned(read)
}

/// The words of a command that may say where it goes: not what it sends there, nor what it says of itself.
fn addressed(command: &ShellCommand) -> Vec<String> {
    /// Options of one letter whose value is sent, or says nothing of where.
    const SENT: [&str; 9] = ["-d", "-F", "-H", "-A", "-e", "-b", "-w", "-o", "-U"];
    /// Long ones whose value says where it goes.
    const GOES: [&str; 4] = ["--resolve", "--connect-to", "--proxy", "--url"];
    /// Long ones that are given a word of their own; what is none of [`GOES`] is sent.
    const VALUED: [&str; 19] = [
        "--data",
        "--data-raw",
        "--data-binary",
        "--data-urlencode",
        "--data-ascii",
        "--json",
        "--form",
        "--form-string",
        "--header",
        "--user-agent",
        "--referer",
        "--cookie",
        "--write-out",
        "--post-data",
        "--body-data",
        "--resolve",
        "--connect-to",
        "--proxy",
        "--url",
    ];
    let text = |word: &Word| word.text.clone();
    if let Some(items) = fetchers::items(command.name(), &command.args, &VALUED) {
        let items = items.into_iter().filter_map(|item| match item {
            Item::Word(word) => Some(text(word)),
            Item::Option(name, _) if name.is(&SENT) || name.is(&VALUED) && !name.is(&GOES) => None,
            Item::Option(_, value) => value.as_ref().map(text),
        });
        return items.collect();
    }
    // `http POST host field=value`.
    let is_field = |word: &&Word| {
        let name = word.text.split('=').next().unwrap_or_default();
        name.len() < word.text.len() && !name.contains(['/', '?']) && !name.starts_with('-')
    };
    let sends_fields = matches!(command.name(), "http" | "https" | "xh" | "xhs");
    command.args.iter().filter(|word| !(sends_fields && is_field(word))).map(text).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::super::tests::verdict;
    use super::super::{Action, Policy, PolicySource, Subject, Target};
    use super::*;

    fn policy(tools: &str, hosts: &str) -> Result<Policy, String> {
        let rule = format!("{{name: r, tools: [{tools}], match: {{hosts: {hosts}}}, action: deny}}");
        let text = format!("version: 1\nname: p\nrules:\n- {rule}\n");
        Policy::load([PolicySource { name: "test.yaml", text: &text }]).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_is_one_however_it_is_spelled() {
        let address = |text: &str| ipv4(text).map(|found| found.to_string());
        for text in [
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "0XA9.0xfe.0xa9.0xFE",
            "0251.0376.0251.0376",
            "169.254.43518",
            "169.16689662",
        ] {
            assert_eq!(address(text).as_deref(), Some("169.254.169.254"), "{text}");
        }
        for text in
            ["", ".", "1.2.3.4.5", "256.1.1.1", "1.2.3.256", "4294967296", "08.1.1.1", "0x", "+1", "a.b", "1..2"]
        {
            assert_eq!(address(text), None, "{text}");
        }
        assert_eq!(address("127.1").as_deref(), Some("127.0.0.1"));
        for (text, expected) in [
            ("::ffff:a9fe:a9fe", "169.254.169.254"),
            ("::169.254.169.254", "169.254.169.254"),
            ("64:ff9b::a9fe:a9fe", "169.254.169.254"),
            ("::1", "::1"),
            ("fd00:ec2::254", "fd00:ec2::254"),
        ] {
            assert_eq!(plain(text.parse().unwrap()).to_string(), expected, "{text}");
        }
    }

    #[test]
    fn a_command_goes_to_a_host_by_any_spelling() {
        let policy = policy("Bash", "[169.254.169.254, 'fd00:ec2::254', meta.internal, meta]").unwrap();
        for (line, matched) in [
            ("curl http://169.254.169.254/x", true),
            ("curl -s 169.254.169.254", true),
            ("curl http://2852039166/x", true),
            ("curl 'http://[::ffff:a9fe:a9fe]:80/x'", true),
            ("curl 'http://[fd00:ec2::254]/x'", true),
            ("curl 'http://[FD00:0EC2::0254]/x'", true),
            ("curl http://a:b@169.254.169.254./x", true),
            ("curl http://%31%36%39.254.169.254/x", true),
            ("curl http://１６９。254.169.254/x", true),
            ("curl http://a.169-254-169-254.sslip.io/x", true),
            ("curl http://a9fea9fe.nip.io/x", true),
            ("curl --resolve x.com:80:169.254.169.254 http://x.com", true),
            ("curl --connect-to ::169.254.169.254:80 http://x.com", true),
            ("curl -x169.254.169.254:80 http://x.com", true),
            ("curl HTTP://META.INTERNAL./x", true),
            ("curl http://meta/x", true),
            ("curl 169.254.169.25{4,5}/x", true),
            ("nc 169.254.169.254 80", true),
            ("curl 'http://x.com\\@169.254.169.254/'", true),
            ("curl 'http://meta\\@x.com/'", true),
            ("curl http://$(echo 169.254.169.254)/x", true),
            ("curl $(echo http://x.com/)", false),
            ("curl http://metal/x", false),
            ("curl http://x.com/meta", false),
            ("curl http://x.com/169.254.169.254", false),
            ("curl 'http://localhost/fetch?url=http://169.254.169.254/'", false),
            ("curl x.com/169.254.169.254", false),
            ("nc -x 'http://169.254.169.254' x", true),
            ("ruby -e 'get(\"http://meta/x\")'", true),
            ("ruby -e 'connect(\"169.254.169.254\", 80)'", true),
            ("curl http://169.254.169.253/x", false),
            ("curl http://x.meta.internal.com/", false),
            ("curl -d '{\"url\": \"http://169.254.169.254/\"}' http://localhost:80/", false),
            ("curl -H 'X: http://169.254.169.254' localhost", false),
            ("http POST :80/fetch url=http://169.254.169.254/", false),
            ("http GET '169.254.169.254/?a=b'", true),
            ("wget --post-data=u=http://meta/ localhost", false),
        ] {
            assert_eq!(verdict(&policy, line).action == Action::Deny, matched, "{line}");
        }
    }

    #[test]
    fn a_tool_goes_to_the_address_that_it_is_given() {
        let policy = policy("WebFetch", "169.254.169.254").unwrap();
        for (address, matched) in [("http://0xa9fea9fe/x", true), ("https://x.com/169", false)] {
            let targets = [Target::new(address, None, &[])];
            let said = policy.evaluate(&Subject { targets: &targets, ..Subject::of_tool("WebFetch") });
            assert_eq!(said.action == Action::Deny, matched, "{address}");
        }
    }

    #[test]
    fn what_names_no_host_is_refused_and_an_allow_reads_none() {
        for host in ["'a b'", "http://x", "2852039166", "0x1.2.3.4"] {
            assert!(policy("Bash", host).unwrap_err().contains("is no host"), "{host}");
        }
        let text = "version: 1\nname: p\nrules:\n- {name: r, tool: Bash, match: {hosts: x.com}, action: allow}\n";
        let policy = Policy::load([PolicySource { name: "test.yaml", text }]).unwrap();
        assert_eq!(verdict(&policy, "curl https://x.com").action, Action::Abstain);
    }
}
