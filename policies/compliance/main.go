// Compliance compiles OPA's own compliance cases for Licet's in-process engine.
//
// Each case that the Go module of OPA carries (v1/test/cases/testdata/v1) is compiled to WebAssembly, as
// `opa build` would, under the capabilities file that is named on the command line, and evaluated by OPA itself.
// One line of JSON for each case goes to standard output:
//
//	category  the folder that the case lies in
//	note      the name of the case
//	refused   why it does not compile under these capabilities; the rest is then missing
//	inherent  its input is no JSON document, or it is of a query that cannot be asked of a compiled policy; likewise
//	wasm      the compiled query, base64
//	modules   the Rego that it was compiled from, by name
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
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/test/cases"
	"github.com/open-policy-agent/opa/v1/test/cases/testdata"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/util"
)

type line struct {
	Category string            `json:"category"`
	Note     string            `json:"note"`
	Refused  string            `json:"refused,omitempty"`
	Inherent string            `json:"inherent,omitempty"`
	Wasm     []byte            `json:"wasm,omitempty"`
	Modules  map[string]string `json:"modules,omitempty"`
	Data     string            `json:"data,omitempty"`
	Input    *string           `json:"input,omitempty"`
	Error    string            `json:"error,omitempty"`
	Result   []any             `json:"result"`
	Sorted   bool              `json:"sorted,omitempty"`
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
	return fs.WalkDir(testdata.V1, "v1", func(name string, entry fs.DirEntry, err error) error {
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
			result, err := compile(tc, capabilities)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", name, tc.Note, err)
			}
			result.Category, result.Note = path.Base(path.Dir(name)), tc.Note
			if err := encoder.Encode(result); err != nil {
				return err
			}
		}
		return nil
	})
}

func compile(tc cases.TestCase, capabilities *ast.Capabilities) (*line, error) {
	ctx := context.Background()
	for key, value := range tc.Env {
		if err := os.Setenv(key, value); err != nil {
			return nil, err
		}
		defer os.Unsetenv(key)
	}
	options := []func(*rego.Rego){
		rego.Query(tc.Query),
		rego.SetRegoVersion(ast.RegoV1),
		rego.Capabilities(capabilities),
	}
	for i, module := range tc.Modules {
		options = append(options, rego.Module(moduleName(i), module))
	}
	compiled, err := rego.New(options...).Compile(ctx)
	if err != nil {
		return &line{Refused: err.Error()}, nil
	}
	input, raw, err := inputOf(tc)
	if err != nil {
		return nil, err
	}
	if input != nil && raw == nil {
		return &line{Inherent: "its input is no JSON document"}, nil
	}
	answer := &line{Wasm: compiled.Bytes, Modules: modulesOf(tc), Data: "{}", Input: raw, Sorted: tc.SortBindings}
	if tc.Data != nil {
		data, err := json.Marshal(*tc.Data)
		if err != nil {
			return nil, err
		}
		answer.Data = string(data)
	}
	found, failure, err := evaluate(ctx, tc, input, tc.StrictError)
	if err != nil {
		return nil, err
	}
	if err := asWanted(tc, found, failure); err != nil {
		return nil, err
	}
	if tc.StrictError {
		if found, failure, err = evaluate(ctx, tc, input, false); err != nil {
			return nil, err
		}
	}
	if failure != nil {
		answer.Error = "error"
		var known *topdown.Error
		if errors.As(failure, &known) {
			answer.Error = known.Code
		}
		return answer, nil
	}
	answer.Result = []any{}
	for _, bindings := range found {
		row := ast.NewObject()
		for name, term := range bindings {
			if !generated(tc, string(name)) {
				row.Insert(ast.StringTerm(string(name)), term)
			}
		}
		value, err := typed(row)
		if err != nil {
			return nil, err
		}
		answer.Result = append(answer.Result, value)
	}
	return answer, nil
}

func moduleName(i int) string { return fmt.Sprintf("module%d.rego", i) }

func modulesOf(tc cases.TestCase) map[string]string {
	modules := map[string]string{}
	for i, module := range tc.Modules {
		modules[moduleName(i)] = module
	}
	return modules
}

func generated(tc cases.TestCase, name string) bool {
	return tc.IgnoreGeneratedVars && strings.HasPrefix(name, "__localq")
}

// inputOf is the input as a term and as JSON; the JSON is nil where it would not be the same document.
func inputOf(tc cases.TestCase) (*ast.Term, *string, error) {
	var term *ast.Term
	switch {
	case tc.InputTerm != nil:
		parsed, err := ast.ParseTerm(*tc.InputTerm)
		if err != nil {
			return nil, nil, err
		}
		term = parsed
	case tc.Input != nil:
		value, err := ast.InterfaceToValue(*tc.Input)
		if err != nil {
			return nil, nil, err
		}
		term = ast.NewTerm(value)
	default:
		return nil, nil, nil
	}
	plain, err := ast.JSON(term.Value)
	if err != nil {
		return term, nil, nil
	}
	raw, err := json.Marshal(plain)
	if err != nil {
		return nil, nil, err
	}
	back, err := ast.ValueFromReader(bytes.NewReader(raw))
	if err != nil {
		return nil, nil, err
	}
	if back.Compare(term.Value) != 0 {
		return term, nil, nil
	}
	text := string(raw)
	return term, &text, nil
}

func evaluate(ctx context.Context, tc cases.TestCase, input *ast.Term, strict bool) (topdown.QueryResultSet, error, error) {
	options := ast.ParserOptions{
		RegoVersion: ast.RegoV1,
		Capabilities: ast.CapabilitiesForThisVersion(
			ast.CapabilitiesExperimentalKeywords(tc.ExperimentalKeywords),
		),
	}
	compiler, err := ast.CompileModulesWithOpt(modulesOf(tc), ast.CompileOpts{ParserOptions: options})
	if err != nil {
		return nil, nil, err
	}
	body, err := ast.ParseBody(tc.Query)
	if err != nil {
		return nil, nil, err
	}
	query, err := compiler.QueryCompiler().Compile(body)
	if err != nil {
		return nil, nil, err
	}
	store := inmem.New()
	if tc.Data != nil {
		store = inmem.NewFromObject(*tc.Data)
	}
	txn, err := store.NewTransaction(ctx, storage.TransactionParams{})
	if err != nil {
		return nil, nil, err
	}
	defer store.Abort(ctx, txn)
	found, failure := topdown.NewQuery(query).
		WithCompiler(compiler).
		WithStore(store).
		WithTransaction(txn).
		WithInput(input).
		WithStrictBuiltinErrors(strict).
		WithCancel(topdown.NewCancel()).
		Run(ctx)
	return found, failure, nil
}

// asWanted holds what OPA answers against what the case says, as OPA's own test does.
func asWanted(tc cases.TestCase, found topdown.QueryResultSet, failure error) error {
	if tc.WantError != nil || tc.WantErrorCode != nil {
		if failure == nil {
			return errors.New("OPA does not end with the error that the case wants")
		}
		return nil
	}
	if failure != nil {
		return failure
	}
	if tc.WantDefined != nil && *tc.WantDefined != (len(found) > 0) {
		return errors.New("OPA does not answer what the case wants")
	}
	if tc.WantResult == nil {
		return nil
	}
	want, got := ast.NewSet(), ast.NewSet()
	for _, bindings := range *tc.WantResult {
		value, err := ast.InterfaceToValue(bindings)
		if err != nil {
			return err
		}
		want.Add(ast.NewTerm(value))
	}
	for _, bindings := range found {
		row := map[string]any{}
		for name, term := range bindings {
			if generated(tc, string(name)) {
				continue
			}
			value, err := ast.JSON(term.Value)
			if err != nil {
				return err
			}
			if list, ok := value.([]any); ok && tc.SortBindings {
				slices.SortFunc(list, util.Compare)
			}
			row[string(name)] = value
		}
		value, err := ast.InterfaceToValue(row)
		if err != nil {
			return err
		}
		got.Add(ast.NewTerm(value))
	}
	if want.Compare(got) != 0 {
		return fmt.Errorf("OPA answers %v, and the case wants %v", got, want)
	}
	return nil
}

// typed is a value as JSON that tells a set from an array: {"set": [...]}, {"array": [...]} and
// {"object": [[name, value], ...]}, where a name is what the key becomes in a JSON answer of OPA's.
func typed(value ast.Value) (any, error) {
	var items []any
	var err error
	each := func(term *ast.Term) {
		item, failure := typed(term.Value)
		items, err = append(items, item), errors.Join(err, failure)
	}
	switch value := value.(type) {
	case ast.Set:
		value.Foreach(each)
		return map[string]any{"set": items}, err
	case *ast.Array:
		value.Foreach(each)
		return map[string]any{"array": items}, err
	case ast.Object:
		value.Foreach(func(key, item *ast.Term) {
			name, failure := ast.JSON(ast.NewObject([2]*ast.Term{key, ast.NullTerm()}))
			if failure != nil {
				err = errors.Join(err, failure)
				return
			}
			for only := range name.(map[string]any) {
				entry, failure := typed(item.Value)
				items, err = append(items, []any{only, entry}), errors.Join(err, failure)
			}
		})
		return map[string]any{"object": items}, err
	}
	return ast.JSON(value)
}
