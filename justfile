# Short names for the commands under scripts/ and for cargo's. Everything works without just, too.

# list the recipes
default:
    @just --list

# build the extension module and install it into .venv
build:
    scripts/build

# every test, or pytest alone with arguments: just test -k lifespan
test *arguments:
    scripts/test {{arguments}}

# serve an application: just serve myapp:app --workers 4
serve *arguments:
    scripts/serve {{arguments}}

# compare with other servers
bench *arguments:
    scripts/bench {{arguments}}

# what clippy and rustfmt object to
lint:
    cargo clippy --workspace --all-targets -- -D warnings
    cargo fmt --all --check

# format the Rust code
fmt:
    cargo fmt --all
