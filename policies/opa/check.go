package main

import (
	"maps"

	"github.com/open-policy-agent/opa/v1/ast"
)

// mostErrors is how many errors are told before the compiler gives up, as in OPA's command line.
const mostErrors = 10

// check is `opa check --bundle --capabilities ... --schema ... [--strict] .`
func check(asked request) (answer, error) {
	capabilities, err := asked.capabilities()
	if err != nil {
		return answer{}, err
	}
	schemas, err := asked.schemas()
	if err != nil {
		return answer{}, err
	}
	read, err := asked.bundle(capabilities)
	if err != nil {
		return answer{}, err
	}
	compiler := ast.NewCompiler().
		SetErrorLimit(mostErrors).
		WithCapabilities(capabilities).
		WithSchemas(schemas).
		WithEnablePrintStatements(true).
		WithStrict(asked.Strict).
		WithUseTypeCheckAnnotations(true)
	if len(read.Data) > 0 {
		compiler = compiler.WithPathConflictsCheck(holds(read.Data))
	}
	if compiler.Compile(maps.Clone(read.ParsedModules(""))); compiler.Failed() {
		return answer{}, compiler.Errors
	}
	return answer{}, nil
}

// holds says whether there is data at a path, so that a rule of the same path is a conflict.
func holds(data map[string]any) func([]string) (bool, error) {
	return func(path []string) (bool, error) {
		if len(path) == 0 {
			return false, nil
		}
		node := data
		for _, key := range path {
			value, there := node[key]
			if !there {
				return false, nil
			}
			object, ok := value.(map[string]any)
			if !ok {
				return true, nil
			}
			node = object
		}
		return true, nil
	}
}
