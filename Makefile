# make help says what there is.

GO      ?= go
TOOL     = $(GO) tool -modfile=tools/go.mod
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

PREFIX     ?= /usr/local
MANDIR     ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc
UNITDIR    ?= $(SYSCONFDIR)/systemd/system
DESTDIR    ?=

# Programs that LAN tests run, as PROGRAM:DEBIAN-PACKAGE.
PROGRAMS = nginx:nginx-light iperf3:iperf3 nft:nftables iptables:iptables arptables:iptables ldirectord:ldirectord \
	sysctl:procps systemd-analyze:systemd openssl:openssl dnsmasq:dnsmasq-base \
	haproxy:haproxy wrk:wrk
# Files that packages install, which LAN tests need, as FILE:DEBIAN-PACKAGE.
FILES = /usr/lib/nginx/modules/ngx_stream_module.so:libnginx-mod-stream

TESTFLAGS ?=
FUZZTIME  ?= 5s
BENCHTIME ?= 1x

# Packages whose LAN tests also run under the race detector: those in which
# several goroutines share state on a LAN. The others' are about speed or about
# what the kernel does.
RACE_LAN = ./arpresponder ./neighbor ./guard ./cmd/director

.PHONY: all build demo test deps lint race fuzz bench install uninstall clean help

all: build

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

build: ## bin/director, static
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/director ./cmd/director

demo: build ## a whole LAN on this machine: client, director, three servers (root)
	./bin/director demo

# One package at a time: several LANs at once on few cores would test the
# scheduler of the machine. The first line uses all cores.
test: deps ## all tests; those on a LAN need root, and fail without it if CI=true
	$(GO) build ./...
	$(GO) test -p 1 -timeout 20m $(TESTFLAGS) ./...

deps:
	@missing=; for p in $(PROGRAMS); do \
		PATH="$$PATH:/usr/sbin:/sbin" command -v "$${p%%:*}" >/dev/null || missing="$$missing $${p#*:}"; \
	done; \
	for f in $(FILES); do test -e "$${f%%:*}" || missing="$$missing $${f#*:}"; done; \
	test -n "$$missing" || exit 0; \
	if [ "$$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then \
		echo "LAN tests want these Debian packages; as root: apt-get install$$missing"; exit 0; \
	fi; \
	echo "LAN tests want programs that are missing: installing$$missing"; \
	apt-get install -qy --no-install-recommends $$missing >/dev/null || \
		{ apt-get update -q >/dev/null && apt-get install -qy --no-install-recommends $$missing >/dev/null; }

lint: ## go vet, gofumpt, staticcheck
	$(GO) vet ./...
	@unformatted=$$($(TOOL) gofumpt -l .) || exit 1; \
	test -z "$$unformatted" || { echo "gofumpt -w these:"; echo "$$unformatted"; exit 1; }
	$(TOOL) staticcheck ./...

race: ## unit tests, and LAN tests where they tell something, with the race detector
	CGO_ENABLED=1 $(GO) test -race -p 1 -skip '^TestLAN' $(TESTFLAGS) ./...
	CGO_ENABLED=1 $(GO) test -race -p 1 -timeout 30m -run '^TestLAN' $(TESTFLAGS) $(RACE_LAN)

# Where a worker is not done when the time is over, go test may call that a failure
# (context deadline exceeded): without a failing input it is tried once more.
fuzz: ## every fuzz target for FUZZTIME (5s)
	@log=$$(mktemp) && trap 'rm -f "$$log"' EXIT; \
	try() { \
		$(GO) test -run '^$$' -fuzz "^$$2\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 0x "$$1" </dev/null >"$$log" 2>&1; \
		set -- $$?; cat "$$log"; return $$1; \
	}; \
	grep -rlE --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do \
		sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file" | while read -r target; do \
			dir=$$(dirname "$$file"); echo "$$dir $$target"; \
			try "$$dir" "$$target" || { \
				grep -q 'context deadline exceeded' "$$log" && ! grep -q 'Failing input' "$$log" && try "$$dir" "$$target"; \
			} || exit 1; \
		done || exit 1; \
	done

bench: ## every benchmark, BENCHTIME each (1x: only that they work; try 1s), and a short director bench
	$(GO) test -p 1 -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...
	$(GO) run ./cmd/director bench path --quick
	$(GO) run ./cmd/director bench growth --quick
	@if [ "$$(id -u)" -eq 0 ]; then set -ex; \
		$(GO) run ./cmd/director bench wire --rounds 1 --time 50ms; \
		$(GO) run ./cmd/director bench latency --quick; \
		$(GO) run ./cmd/director bench tcp --quick; \
	else echo "skipped: director bench wire, latency and tcp need root"; fi

UNITS = director.service director-realserver-run.service

install: build ## to PREFIX (/usr/local): program, manual pages, an example, systemd units
	install -D -m 755 bin/director $(DESTDIR)$(PREFIX)/sbin/director
	install -d $(DESTDIR)$(MANDIR)/man8
	./bin/director man $(DESTDIR)$(MANDIR)/man8
	install -D -m 644 docs/director.yaml $(DESTDIR)$(PREFIX)/share/doc/director/director.yaml
	install -d $(DESTDIR)$(SYSCONFDIR)/director $(DESTDIR)$(UNITDIR)
	for u in $(UNITS); do \
		sed 's#@PREFIX@#$(PREFIX)#' contrib/$$u > $(DESTDIR)$(UNITDIR)/$$u && chmod 644 $(DESTDIR)$(UNITDIR)/$$u || exit 1; \
	done

uninstall: ## take away what install has put there
	rm -f $(DESTDIR)$(PREFIX)/sbin/director $(DESTDIR)$(MANDIR)/man8/director.8 $(DESTDIR)$(MANDIR)/man8/director-*.8
	rm -f $(DESTDIR)$(PREFIX)/share/doc/director/director.yaml $(UNITS:%=$(DESTDIR)$(UNITDIR)/%)

clean: ## remove what build has made
	rm -rf bin
