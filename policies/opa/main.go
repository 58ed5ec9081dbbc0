// Command opa is OPA's compiler and test runner as one WebAssembly module: a JSON request comes in on standard input,
// a JSON answer goes out on standard output. It sees no file, no clock of its own making and no network; what it is to
// work on stands in the request. `make toolchain` builds it, licet/policies/toolchain.py runs it under wasmtime.
//
// Each verb does what the command of that name does in OPA's own command line with the flags that Licet gives it, so
// that both give the same results (tests/policies/test_policies_toolchain.py).
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/open-policy-agent/opa/v1/version"
)

// request is what is asked. Of its fields each verb reads those it needs.
type request struct {
	Verb         string            `json:"verb"`
	Files        map[string][]byte `json:"files"`        // by their path in the bundle
	Capabilities json.RawMessage   `json:"capabilities"` // absent: all of this version
	Schema       json.RawMessage   `json:"schema"`       // of the input; absent: none
	Strict       bool              `json:"strict"`
	Entrypoints  []string          `json:"entrypoints"`
	Query        string            `json:"query"`
	Input        json.RawMessage   `json:"input"`
	Explain      bool              `json:"explain"`
}

// answer has `errors`, or else what the verb gives.
type answer struct {
	Errors       []fault         `json:"errors,omitempty"`
	Version      string          `json:"version,omitempty"`
	Bundle       []byte          `json:"bundle,omitempty"`
	Tests        json.RawMessage `json:"tests,omitempty"`
	Coverage     json.RawMessage `json:"coverage,omitempty"`
	Result       any             `json:"result,omitempty"`
	Trace        string          `json:"trace,omitempty"`
	Printed      string          `json:"printed,omitempty"`
	Modules      map[string]any  `json:"modules,omitempty"`
	Capabilities any             `json:"capabilities,omitempty"`
}

var verbs = map[string]func(request) (answer, error){
	"build":        build,
	"capabilities": capabilities,
	"check":        check,
	"coverage":     coverage,
	"eval":         eval,
	"parse":        parse,
	"plan":         plan,
	"test":         test,
	"version":      func(request) (answer, error) { return answer{Version: version.Version}, nil },
}

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(in io.Reader, out io.Writer) error {
	var asked request
	if err := json.NewDecoder(in).Decode(&asked); err != nil {
		return fmt.Errorf("the request is not as it should be: %w", err)
	}
	verb, known := verbs[asked.Verb]
	if !known {
		return fmt.Errorf("there is no verb %q", asked.Verb)
	}
	said, err := verb(asked)
	if err != nil {
		said = answer{Errors: faults(err)}
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(said)
}
