package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/compile"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/test/cases"
)

// size is how many cases share a module: most of a module is OPA's own library, and that is what takes time to load.
const size = 50

// A batch collects cases and compiles them as one module.
//
// So that they do not meet, each case moves to a place of its own: `data.a.b` becomes `data.c17.a.b` in its packages,
// imports and references, and so do its base documents. A case stays alone where that could show: its query is more
// than a path in `data`, it takes `data` as a whole, or it asks for its own path.
type batch struct {
	capabilities *ast.Capabilities
	encoder      *json.Encoder
	cases        []member
	number       int
}

type member struct {
	tc      cases.TestCase
	line    *line
	modules []bundle.ModuleFile
}

var plain = regexp.MustCompile(`^data((?:\.[a-zA-Z_][a-zA-Z0-9_]*)+) = ([a-z]+)$`)

var errAlone = errors.New("the case cannot share a module")

func (b *batch) add(tc cases.TestCase, category string) error {
	b.number++
	place := fmt.Sprintf("c%d", b.number)
	parsed, err := b.parse(tc, place)
	if err != nil {
		return b.encoder.Encode(&line{Category: category, Note: tc.Note, Refused: err.Error()})
	}
	answer, err := answered(tc)
	if err != nil {
		return err
	}
	answer.Category, answer.Note = category, tc.Note
	if answer.Inherent != "" {
		return b.encoder.Encode(answer)
	}
	modules, err := moved(tc, parsed, place)
	if err != nil {
		return b.alone(tc, answer)
	}
	b.cases = append(b.cases, member{tc, answer, modules})
	query := plain.FindStringSubmatch(tc.Query)
	answer.Place, answer.Variable = place, query[2]
	answer.Entry = place + strings.ReplaceAll(query[1], ".", "/")
	if len(b.cases) == size {
		return b.flush()
	}
	return nil
}

// parse is the modules of a case, once they compile under the capabilities.
func (b *batch) parse(tc cases.TestCase, place string) (map[string]*ast.Module, error) {
	options := ast.ParserOptions{RegoVersion: ast.RegoV1, Capabilities: b.capabilities}
	parsed := map[string]*ast.Module{}
	for i, source := range tc.Modules {
		name := place + "/" + moduleName(i)
		module, err := ast.ParseModuleWithOpts(name, source, options)
		if err != nil {
			return nil, err
		}
		parsed[name] = module
	}
	compiler := ast.NewCompiler().WithCapabilities(b.capabilities)
	if compiler.Compile(copies(parsed)); compiler.Failed() {
		return nil, compiler.Errors
	}
	return parsed, nil
}

func copies(modules map[string]*ast.Module) map[string]*ast.Module {
	result := map[string]*ast.Module{}
	for name, module := range modules {
		result[name] = module.Copy()
	}
	return result
}

func moved(tc cases.TestCase, parsed map[string]*ast.Module, place string) ([]bundle.ModuleFile, error) {
	query := plain.FindStringSubmatch(tc.Query)
	if query == nil || query[2] == "input" || len(parsed) == 0 {
		return nil, errAlone
	}
	var files []bundle.ModuleFile
	for i := range tc.Modules {
		name := place + "/" + moduleName(i)
		module := parsed[name]
		if strings.Contains(tc.Modules[i], "rego.metadata") {
			return nil, errAlone
		}
		move := ast.NewGenericTransformer(func(node any) (any, error) {
			if ref, ok := node.(ast.Ref); ok && ref.HasPrefix(ast.DefaultRootRef) {
				return append(ast.Ref{ref[0], ast.StringTerm(place)}, ref[1:]...), nil
			}
			return node, nil
		})
		if _, err := ast.Transform(move, module); err != nil {
			return nil, err
		}
		if !allIn(module, place) {
			return nil, errAlone
		}
		files = append(files, bundle.ModuleFile{URL: name, Path: name, Parsed: module, Raw: []byte(tc.Modules[i])})
	}
	return files, nil
}

// allIn is whether whatever a module takes of `data` is in that place.
func allIn(module *ast.Module, place string) bool {
	prefix := ast.Ref{ast.DefaultRootDocument, ast.StringTerm(place)}
	moved := true
	var visitor *ast.GenericVisitor
	visitor = ast.NewGenericVisitor(func(node any) bool {
		switch node := node.(type) {
		case ast.Ref:
			if node.HasPrefix(prefix) {
				for _, term := range node[len(prefix):] {
					visitor.Walk(term)
				}
				return true
			}
		case ast.Var:
			moved = moved && !node.Equal(ast.DefaultRootDocument.Value)
		}
		return !moved
	})
	visitor.Walk(module)
	return moved
}

// flush compiles what was collected. Where that fails, each case is tried alone.
func (b *batch) flush() error {
	members := b.cases
	b.cases = nil
	if len(members) == 0 {
		return nil
	}
	wasm, err := b.build(members, compile.TargetWasm)
	var plan []byte
	if err == nil {
		plan, err = b.build(members, compile.TargetPlan)
	}
	if err != nil {
		for _, member := range members {
			member.line.Place, member.line.Variable, member.line.Entry = "", "", ""
			if err := b.alone(member.tc, member.line); err != nil {
				return err
			}
		}
		return nil
	}
	if err := b.encoder.Encode(module{wasm, plan}); err != nil {
		return err
	}
	for _, member := range members {
		if err := b.encoder.Encode(member.line); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) build(members []member, target string) ([]byte, error) {
	source := bundle.Bundle{Data: map[string]any{}}
	source.Manifest.Init()
	var entries []string
	for _, member := range members {
		entries = append(entries, member.line.Entry)
		for _, file := range member.modules {
			file.Parsed = file.Parsed.Copy()
			source.Modules = append(source.Modules, file)
		}
	}
	compiler := compile.New().
		WithBundle(&source).
		WithCapabilities(b.capabilities).
		WithRegoVersion(ast.RegoV1).
		WithEntrypoints(entries...).
		WithTarget(target)
	if err := compiler.Build(context.Background()); err != nil {
		return nil, err
	}
	if target == compile.TargetPlan {
		return compiler.Bundle().PlanModules[0].Raw, nil
	}
	return compiler.Bundle().WasmModules[0].Raw, nil
}

// alone compiles the query of a case as it is.
func (b *batch) alone(tc cases.TestCase, answer *line) error {
	options := []func(*rego.Rego){
		rego.Query(tc.Query),
		rego.SetRegoVersion(ast.RegoV1),
		rego.Capabilities(b.capabilities),
	}
	for i, source := range tc.Modules {
		options = append(options, rego.Module(moduleName(i), source))
	}
	compiled, err := rego.New(options...).Compile(context.Background())
	if err != nil {
		return b.encoder.Encode(&line{Category: answer.Category, Note: answer.Note, Refused: err.Error()})
	}
	if err := b.encoder.Encode(module{Wasm: compiled.Bytes}); err != nil {
		return err
	}
	answer.Entry = "eval"
	return b.encoder.Encode(answer)
}
