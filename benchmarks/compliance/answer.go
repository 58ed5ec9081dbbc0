package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/test/cases"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/util"
)

// answered is a case with what OPA answers.
func answered(tc cases.TestCase) (*line, error) {
	ctx := context.Background()
	for key, value := range tc.Env {
		if err := os.Setenv(key, value); err != nil {
			return nil, err
		}
		defer os.Unsetenv(key)
	}
	input, raw, err := inputOf(tc)
	if err != nil {
		return nil, err
	}
	if input != nil && raw == nil {
		return &line{Inherent: "its input is no JSON document"}, nil
	}
	answer := &line{Data: "{}", Input: raw, Sorted: tc.SortBindings}
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
