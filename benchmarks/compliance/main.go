// Compliance compiles OPA's own compliance cases for Licet's in-process engine.
//
// Each case that the Go module of OPA carries (v1/test/cases/testdata/v1) is compiled to WebAssembly, as
// `opa build` would, under the capabilities file that is named on the command line, and evaluated by OPA itself.
// Many cases share one module, each with an entry point and a place in `data` of its own (see batch.go).
//
// Standard output is lines of JSON. A line that has `wasm` is a compiled module, for the cases that follow it:
//
//	wasm      base64
//	plan      what it was compiled from (https://www.openpolicyagent.org/docs/ir); missing for a query
//
// The others are a case each:
//
//	category  the folder that the case lies in
//	note      the name of the case
//	refused   why it does not compile under these capabilities; the rest is then missing
//	inherent  its input is no JSON document; likewise
//	entry     the entry point of the case
//	variable  what the case calls the answer; missing where the entry point answers with all bindings
//	place     where in `data` the case is, and what the names of its files begin with; missing where it is alone
//	data      the base documents, JSON text
//	input     the input, JSON text; missing where there is none
//	error     the code of the error that OPA ends with, or
//	result    what OPA answers, each value with its type (see typed)
//	sorted    whether the order of the elements of an array that is bound does not matter
//
// A failed builtin is undefined here, as it is in Licet, also where the case asks for strict errors. What a case
// wants is held against what OPA answers first: a case that OPA does not pass ends the program.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/test/cases"
	"github.com/open-policy-agent/opa/v1/test/cases/testdata"
	"github.com/open-policy-agent/opa/v1/util"
)

type module struct {
	Wasm []byte          `json:"wasm"`
	Plan json.RawMessage `json:"plan,omitempty"`
}

type line struct {
	Category string  `json:"category"`
	Note     string  `json:"note"`
	Refused  string  `json:"refused,omitempty"`
	Inherent string  `json:"inherent,omitempty"`
	Entry    string  `json:"entry,omitempty"`
	Variable string  `json:"variable,omitempty"`
	Place    string  `json:"place,omitempty"`
	Data     string  `json:"data,omitempty"`
	Input    *string `json:"input,omitempty"`
	Error    string  `json:"error,omitempty"`
	Result   []any   `json:"result"`
	Sorted   bool    `json:"sorted,omitempty"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 1 {
		return errors.New("usage: compliance CAPABILITIES.json")
	}
	file, err := os.Open(arguments[0])
	if err != nil {
		return err
	}
	defer file.Close()
	capabilities, err := ast.LoadCapabilitiesJSON(file)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	batch := &batch{capabilities: capabilities, encoder: encoder}
	err = fs.WalkDir(testdata.V1, "v1", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(testdata.V1, name)
		if err != nil {
			return err
		}
		var set cases.Set
		if err := util.Unmarshal(raw, &set); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, tc := range set.Cases {
			if err := batch.add(tc, path.Base(path.Dir(name))); err != nil {
				return fmt.Errorf("%s: %s: %w", name, tc.Note, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return batch.flush()
}
