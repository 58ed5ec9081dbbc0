package main

import (
	"bytes"
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/compile"
)

// build is `opa build --target wasm --bundle --capabilities ... --entrypoint ... .`
func build(asked request) (answer, error) { return built(asked, compile.TargetWasm) }

// plan is the same with `--target plan`, which leaves prints in.
func plan(asked request) (answer, error) { return built(asked, compile.TargetPlan) }

func built(asked request, target string) (answer, error) {
	capabilities, err := asked.capabilities()
	if err != nil {
		return answer{}, err
	}
	var packed bytes.Buffer
	err = compile.New().
		WithFS(asked.tree()).
		WithPaths(root).
		WithAsBundle(true).
		WithRegoVersion(ast.DefaultRegoVersion).
		WithCapabilities(capabilities).
		WithTarget(target).
		WithEntrypoints(asked.Entrypoints...).
		WithRegoAnnotationEntrypoints(true).
		WithPartialNamespace("partial").
		WithEnablePrintStatements(target == compile.TargetPlan).
		WithOutput(&packed).
		Build(context.Background())
	return answer{Bundle: packed.Bytes()}, err
}

// capabilities is `opa capabilities --current`.
func capabilities(request) (answer, error) {
	return answer{Capabilities: ast.CapabilitiesForThisVersion()}, nil
}
