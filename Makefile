# make demo and make test set up what they need and then run it; everything else is for those who work on Licet.
# The virtual environment is .venv; uv builds it when it is on the PATH, venv and pip when not. Both read the same
# lock files and check every hash. ARGS goes to the command that is run: make test ARGS="-k budget".

OPA_VERSION := v1.22.0

VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
# The first Python that is new enough. Choose another with make demo PYTHON=/path/to/python.
PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,$(if \
	$(shell $(name) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null && echo yes),$(name))))
# The opa that compiles the shipped policies: the one you name, or one of the pinned version on the PATH, or none, and
# then Go builds it. Another version may compile to other bytes.
OPA = $(or $(LICET_OPA),$(shell opa version 2>/dev/null | grep -qx 'Version: $(OPA_VERSION:v%=%)' && command -v opa))

# OPA's library as one file for every platform; policies/opa/go.mod names the same version.
TOOLCHAIN := policies/opa/opa.wasm.xz
TOOLCHAIN_LICENSES := policies/opa/licenses.txt

ifdef UV
PIP_INSTALL := $(UV) pip install --quiet --python $(BIN)/python
else
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif

# $(call install,NAME): exactly what locks/NAME.txt says, then Licet itself from this tree, and no more.
define install
	@echo "Installing locks/$(1).txt into $(VENV)"
	@$(PIP_INSTALL) --require-hashes -r locks/$(1).txt
	@$(PIP_INSTALL) --no-deps --no-build-isolation -e .
endef

.PHONY: help demo test lint format coverage bench bundle toolchain lock clean

help:
	@echo "make demo      set up, then watch an agent do real work under control"
	@echo "make test      set up, then run the tests"
	@echo "make lint      ruff, mypy --strict, pyright and the direction of imports"
	@echo "make format    let ruff mend what it can"
	@echo "make coverage  the tests, and which lines and branches they did not reach"
	@echo "make bench     the speed of the gate, of policy (needs opa) and of provenance, and AgentDojo"
	@echo "make bundle    compile policies/rego, and AgentDojo's policy with it (needs opa, or Go to build it)"
	@echo "make toolchain build OPA's compiler as WebAssembly, so that policies need no opa (needs Go)"
	@echo "make lock      pin the newest versions that pyproject.toml allows (needs uv)"
	@echo "make clean     remove what the other targets made"

demo: $(VENV)/.run
	@$(BIN)/licet demo $(ARGS)

# A file's tests stay together, for they share what took them long to make.
test: $(VENV)/.dev
	@$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict -p licet
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

coverage: $(VENV)/.dev
	$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks.gate --json
	$(BIN)/python -m benchmarks.policy --json
	$(BIN)/python -m benchmarks.provenance --json
	$(BIN)/python -m benchmarks.agentdojo --suite all --json

bundle: $(VENV)/.run $(if $(OPA),,.tools/opa)
	LICET_OPA=$(or $(OPA),$(CURDIR)/.tools/opa) $(BIN)/python -m licet.policies.build $(ARGS) \
		--also benchmarks/agentdojo/policy benchmarks/agentdojo/bundle.tar.gz

toolchain: $(TOOLCHAIN)

lock: pyproject.toml
	@test -n "$(UV)" || { echo "make lock needs uv: https://docs.astral.sh/uv/"; exit 1; }
	@mkdir -p locks
	$(LOCK) --extra models --group build -o locks/run.txt
	$(LOCK) --extra models --extra web --extra auth --group dev -c locks/run.txt -o locks/dev.txt
	$(LOCK) --extra models --extra web --extra auth --group dev --group bench -c locks/dev.txt -o locks/bench.txt
LOCK = $(UV) pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	--no-emit-index-url --no-annotate --custom-compile-command "make lock"

clean:
	rm -rf $(VENV) $(TOOLCHAIN) $(TOOLCHAIN_LICENSES) .tools .licet-demo build dist *.egg-info .coverage .coverage.*
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A lock holds what the one before it holds, in the same versions: run, then dev, then bench. So what was installed
# for one stands for those before it too. The marks are files in .venv, newer than what they were made from.
$(VENV)/.run: locks/run.txt pyproject.toml | $(BIN)/python
	$(call install,run)
	@touch $@

$(VENV)/.dev: locks/dev.txt pyproject.toml | $(BIN)/python
	$(call install,dev)
	@touch $(VENV)/.run $@

$(VENV)/.bench: locks/bench.txt pyproject.toml | $(BIN)/python
	$(call install,bench)
	@touch $(VENV)/.run $(VENV)/.dev $@

# A half-made environment (Debian's Python without python3-venv makes one) is removed, so that the next try is clean.
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Licet needs Python 3.11 to 3.14. Install one, or: make PYTHON=/path/to/python"; exit 1; }
ifdef UV
	@$(UV) venv --quiet --seed --python "$$(command -v $(PYTHON))" $(VENV)
else
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
endif

# The pinned version stands in this file.
.tools/opa: Makefile
	@command -v go >/dev/null || { echo "The bundle is compiled by opa. Install opa $(OPA_VERSION), or Go, which builds it:"; \
		echo "https://www.openpolicyagent.org/docs#1-download-opa  https://go.dev/dl/"; exit 1; }
	GOBIN=$(CURDIR)/.tools go install github.com/open-policy-agent/opa@$(OPA_VERSION)
	@touch $@

# -trimpath and no version control stamp, so that the same sources give the same bytes wherever they lie. With it come
# the licences of what is in it.
$(TOOLCHAIN): $(wildcard policies/opa/*.go) policies/opa/go.mod policies/opa/go.sum | $(BIN)/python
	@command -v go >/dev/null || { echo "The toolchain is built by Go: https://go.dev/dl/"; exit 1; }
	@mkdir -p .tools
	cd policies/opa && $(FOR_WASM) go build -trimpath -buildvcs=false -ldflags="-s -w" -o $(CURDIR)/.tools/opa.wasm .
	@cd policies/opa && $(FOR_WASM) go list -deps -f '{{with .Module}}{{if not .Main}}{{.Dir}}{{end}}{{end}}' . | sort -u \
		| { go env GOROOT; cat; } | while read -r module; do \
			printf '\n=== %s\n\n' "$${module##*/mod/}" && cat "$$module"/[Ll][Ii][Cc][Ee][Nn][Ss][Ee]* || exit 1; \
			for notice in "$$module"/NOTICE*; do [ ! -e "$$notice" ] || cat "$$notice"; done; \
		done >$(CURDIR)/$(TOOLCHAIN_LICENSES)
	$(BIN)/python -c 'import lzma, sys; sys.stdout.buffer.write(lzma.compress(sys.stdin.buffer.read(), preset=9))' \
		<.tools/opa.wasm >.tools/opa.wasm.xz
	mv .tools/opa.wasm.xz $@
	@rm .tools/opa.wasm

FOR_WASM = CGO_ENABLED=0 GOOS=wasip1 GOARCH=wasm
