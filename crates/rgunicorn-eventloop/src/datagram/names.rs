//! Addresses of sockets, as the kernel has them and as Python has them.

use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::os::unix::ffi::OsStrExt;

use nix::libc;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::types::PyString;
use pyo3::types::PyTuple;

/// An address as the kernel has it: a `sockaddr` of any family. All fields but the first are in
/// the order of the network, or opaque.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub(super) struct Name {
    bytes: [u8; SPACE],
    pub(super) length: libc::socklen_t,
}

/// As much as any address needs.
pub(super) const SPACE: usize = size_of::<libc::sockaddr_storage>();

/// An address that was received from.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) name: Name,
    /// What the protocol was given for it.
    pub(super) object: Py<PyAny>,
}

impl Name {
    pub(super) fn empty() -> Self {
        Self {
            bytes: [0; SPACE],
            length: 0,
        }
    }

    /// The part that the kernel has filled in.
    pub(super) fn known(&self) -> &[u8] {
        let length = usize::try_from(self.length).unwrap_or(SPACE);
        &self.bytes[..length.min(SPACE)]
    }

    /// As the methods of Python's sockets give it.
    pub(super) fn python_address<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let known = self.known();
        if known.is_empty() {
            return Ok(py.None().into_bound(py)); // of a unix socket without an address
        }
        let family = i32::from(u16::from_ne_bytes(self.field(0)));
        let port = u16::from_be_bytes(self.field(2));
        match family {
            libc::AF_INET => {
                let host = Ipv4Addr::from(self.field::<4>(4)).to_string();
                Ok((host, port).into_pyobject(py)?.into_any())
            }
            libc::AF_INET6 => {
                let flow = u32::from_be_bytes(self.field(4));
                let host = text_of(Ipv6Addr::from(self.field::<16>(8)));
                let scope = u32::from_ne_bytes(self.field(24));
                Ok((host, port, flow, scope).into_pyobject(py)?.into_any())
            }
            libc::AF_UNIX => path_of(py, known.get(2..).unwrap_or_default()),
            _ => {
                let data = PyBytes::new(py, known.get(2..).unwrap_or_default());
                Ok((family, data).into_pyobject(py)?.into_any())
            }
        }
    }

    /// A numeric address. None for all that Python has to look at, wrong ones included.
    pub(super) fn from_python(family: i32, address: &Bound<'_, PyAny>) -> Option<Self> {
        let address = address.cast_exact::<PyTuple>().ok()?;
        let fields = address.len();
        let host = address.get_item(0).ok()?;
        let host = host.cast_exact::<PyString>().ok()?.to_str().ok()?;
        let number = |index: usize| -> Option<u32> {
            match index < fields {
                true => address.get_item(index).ok()?.extract().ok(),
                false => Some(0),
            }
        };
        let port = u16::try_from(number(1)?).ok()?;
        match (family, fields) {
            (libc::AF_INET, 2) => Some(Self::v4(host.parse().ok()?, port)),
            (libc::AF_INET6, 2..=4) => {
                let flow = number(2).filter(|flow| *flow <= MOST_FLOW)?;
                Some(Self::v6(host.parse().ok()?, port, flow, number(3)?))
            }
            _ => None,
        }
    }

    fn v4(host: Ipv4Addr, port: u16) -> Self {
        let mut name = Self::of_family(libc::AF_INET, size_of::<libc::sockaddr_in>());
        name.set(2, port.to_be_bytes());
        name.set(4, host.octets());
        name
    }

    fn v6(host: Ipv6Addr, port: u16, flow: u32, scope: u32) -> Self {
        let mut name = Self::of_family(libc::AF_INET6, size_of::<libc::sockaddr_in6>());
        name.set(2, port.to_be_bytes());
        name.set(4, flow.to_be_bytes());
        name.set(8, host.octets());
        name.set(24, scope.to_ne_bytes());
        name
    }

    fn of_family(family: i32, length: usize) -> Self {
        let mut name = Self::empty();
        name.length = u32::try_from(length).unwrap_or(0);
        name.set(0, u16::try_from(family).unwrap_or(0).to_ne_bytes());
        name
    }

    fn field<const N: usize>(&self, offset: usize) -> [u8; N] {
        let mut field = [0; N];
        field.copy_from_slice(&self.bytes[offset..offset + N]);
        field
    }

    fn set<const N: usize>(&mut self, offset: usize, field: [u8; N]) {
        self.bytes[offset..offset + N].copy_from_slice(&field);
    }
}

/// The greatest flow label.
const MOST_FLOW: u32 = 0xf_ffff;

/// As `inet_ntop`: Rust writes the deprecated `::a.b.c.d` as it does all others.
fn text_of(host: Ipv6Addr) -> String {
    let [zero @ .., seventh, _] = host.segments();
    if zero == [0; 6] && seventh != 0 {
        let [.., a, b, c, d] = host.octets();
        return format!("::{}", Ipv4Addr::new(a, b, c, d));
    }
    host.to_string()
}

/// The address of a unix socket: a path up to its end, or bytes in Linux's abstract namespace.
fn path_of<'py>(py: Python<'py>, path: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    if path.first() == Some(&0) {
        return Ok(PyBytes::new(py, path).into_any());
    }
    let path = path.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(OsStr::from_bytes(path).into_pyobject(py)?.into_any())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(family: i32, rest: &[u8]) -> Name {
        let mut name = Name::of_family(family, 2 + rest.len());
        name.bytes[2..2 + rest.len()].copy_from_slice(rest);
        name
    }

    fn is(given: &Bound<'_, PyAny>, code: &str) -> bool {
        let code = std::ffi::CString::new(code).unwrap();
        given
            .eq(given.py().eval(&code, None, None).unwrap())
            .unwrap()
    }

    #[test]
    fn addresses_come_back_as_they_went() {
        Python::initialize();
        Python::attach(|py| {
            let v4 = c"[('127.0.0.1', 80), ('255.1.2.3', 65535), ('0.0.0.0', 0)]";
            let v6 = c"[('::1', 80, 0, 0), ('fe80::1', 1, 2, 3), ('::ffff:1.2.3.4', 9, 0xfffff, 2**32 - 1)]";
            for (family, addresses) in [(libc::AF_INET, v4), (libc::AF_INET6, v6)] {
                for address in py.eval(addresses, None, None).unwrap().try_iter().unwrap() {
                    let address = address.unwrap();
                    let name = Name::from_python(family, &address).unwrap();
                    assert!(name.python_address(py).unwrap().eq(&address).unwrap());
                }
            }
        });
    }

    #[test]
    fn names_and_nonsense_are_left_to_python() {
        Python::initialize();
        Python::attach(|py| {
            for (family, address) in [
                (libc::AF_INET, c"('localhost', 80)"),
                (libc::AF_INET, c"('', 80)"),
                (libc::AF_INET, c"('127.0.0.1', 65536)"),
                (libc::AF_INET, c"('127.0.0.1', -1)"),
                (libc::AF_INET, c"('127.0.0.1', '80')"),
                (libc::AF_INET, c"('127.0.0.1', 1.0)"),
                (libc::AF_INET, c"('127.0.0.1',)"),
                (libc::AF_INET, c"('127.0.0.1', 80, 0)"),
                (libc::AF_INET, c"['127.0.0.1', 80]"),
                (libc::AF_INET, c"(b'127.0.0.1', 80)"),
                (libc::AF_INET, c"('127.1', 80)"),
                (libc::AF_INET, c"('::1', 80)"),
                (libc::AF_INET, c"()"),
                (libc::AF_INET, c"None"),
                (libc::AF_INET6, c"('127.0.0.1', 80)"),
                (libc::AF_INET6, c"('fe80::1%lo', 80)"),
                (libc::AF_INET6, c"('::1', 80, 0x100000)"),
                (libc::AF_INET6, c"('::1', 80, 0, 0, 0)"),
                (libc::AF_UNIX, c"'/path'"),
                (libc::AF_UNIX, c"('127.0.0.1', 80)"),
            ] {
                let object = py.eval(address, None, None).unwrap();
                let name = Name::from_python(family, &object);
                assert!(name.is_none(), "{address:?}");
            }
        });
    }

    #[test]
    fn hosts_are_written_as_python_writes_them() {
        Python::initialize();
        Python::attach(|py| {
            let socket = py.import("socket").unwrap();
            for host in [
                "::",
                "::1",
                "1::",
                "::2:3",
                "::1.2.3.4",
                "::ffff:1.2.3.4",
                "fe80::1",
                "1:0:2:0:3:0:4:0",
                "2001:db8::1:0:0:1",
                "1:2:3:4:5:6:7:8",
                "0:1::",
                "64:ff9b::1.2.3.4",
                "::1:0:0",
            ] {
                let host: Ipv6Addr = host.parse().unwrap();
                let packed = PyBytes::new(py, &host.octets());
                let theirs = socket
                    .call_method1("inet_ntop", (libc::AF_INET6, packed))
                    .unwrap();
                assert_eq!(text_of(host), theirs.extract::<String>().unwrap());
            }
        });
    }

    #[test]
    fn unix_sockets_have_paths_or_abstract_names_or_none() {
        Python::initialize();
        Python::attach(|py| {
            let unix = |rest: &[u8]| name(libc::AF_UNIX, rest).python_address(py).unwrap();
            assert!(Name::empty().python_address(py).unwrap().is_none());
            assert!(is(&unix(b""), "''"));
            assert!(is(&unix(b"/tmp/a\0"), "'/tmp/a'"));
            assert!(is(&unix(b"/tmp/a"), "'/tmp/a'"));
            assert!(is(&unix(b"/tmp/\xff\0"), "'/tmp/\\udcff'"));
            assert!(is(&unix(b"\0name"), "b'\\0name'"));
        });
    }

    #[test]
    fn the_fields_are_where_the_kernel_has_them() {
        assert_eq!(std::mem::offset_of!(libc::sockaddr_in, sin_port), 2);
        assert_eq!(std::mem::offset_of!(libc::sockaddr_in, sin_addr), 4);
        assert_eq!(std::mem::offset_of!(libc::sockaddr_in6, sin6_flowinfo), 4);
        assert_eq!(std::mem::offset_of!(libc::sockaddr_in6, sin6_addr), 8);
        assert_eq!(std::mem::offset_of!(libc::sockaddr_in6, sin6_scope_id), 24);
        assert_eq!(std::mem::offset_of!(libc::sockaddr_un, sun_path), 2);
        assert_eq!(std::mem::offset_of!(Name, bytes), 0);
    }
}
