package main

import (
	"bytes"
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/runtime/info"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/lineage"
	"github.com/open-policy-agent/opa/v1/util"
)

// eval is `opa eval --bundle . --input ... QUERY`, and with explain `--explain full`.
func eval(asked request) (answer, error) {
	ctx := context.Background()
	capabilities, err := asked.capabilities()
	if err != nil {
		return answer{}, err
	}
	read, err := asked.bundle(capabilities)
	if err != nil {
		return answer{}, err
	}
	circumstances, err := info.New()
	if err != nil {
		return answer{}, err
	}
	var trace, printed bytes.Buffer
	options := []func(*rego.Rego){
		rego.Query(asked.Query),
		rego.Runtime(circumstances),
		rego.SetRegoVersion(ast.DefaultRegoVersion),
		rego.ParsedBundle(root, read),
		rego.SkipBundleVerification(true),
		rego.Capabilities(capabilities),
		rego.StackTraces(true),
		rego.EnablePrintStatements(true),
		rego.PrintHook(topdown.NewPrintHook(&printed)),
	}
	if asked.Input != nil {
		var input any
		if err := util.Unmarshal(asked.Input, &input); err != nil {
			return answer{}, err
		}
		value, err := ast.InterfaceToValue(input)
		if err != nil {
			return answer{}, err
		}
		options = append(options, rego.ParsedInput(value))
	}
	query, err := rego.New(options...).PrepareForEval(ctx)
	if err != nil {
		return answer{}, err
	}
	tracer := topdown.NewBufferTracer()
	var how []rego.EvalOption
	if asked.Explain {
		how = append(how, rego.EvalQueryTracer(tracer))
	}
	result, err := query.Eval(ctx, how...)
	if err != nil {
		return answer{}, err
	}
	if asked.Explain {
		topdown.PrettyTraceWithOpts(&trace, lineage.Full(*tracer), topdown.PrettyTraceOptions{Locations: true})
	}
	return answer{Result: result, Trace: trace.String(), Printed: printed.String()}, nil
}
