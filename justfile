# Short names for the commands under scripts/ and for cargo's. Everything works without just, too.

# list the recipes
default:
    @just --list

# build the extension module and install it into .venv
build:
    scripts/build

# every test; pytest alone: just test -k lifespan; with each Python there is: just test --all-pythons
test *arguments:
    scripts/test {{arguments}}

# good and bad clients at full load on one worker: just soak --seconds 600
soak *arguments:
    scripts/soak {{arguments}}

# workers that come and go under load: just churn --seconds 600
churn *arguments:
    scripts/churn {{arguments}}

# fuzz one target or all: just fuzz head 600
fuzz *arguments:
    scripts/fuzz {{arguments}}

# test suites of others: just conformance websocket --quick
conformance *arguments:
    scripts/conformance {{arguments}}

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
