package main

import (
	"bytes"
	"context"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/runtime/info"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/lineage"
)

// longestTest is how long one test may take, as in OPA's command line.
const longestTest = 5 * time.Second

// test is `opa test --bundle --verbose --format json .`
func test(asked request) (answer, error) {
	var report bytes.Buffer
	err := run(asked, nil, func(results chan *tester.Result, _ map[string]*ast.Module) error {
		filtered := make(chan *tester.Result)
		go func() {
			defer close(filtered)
			for result := range results {
				if result.Pass() {
					result.Trace = nil // it only tells where a test failed
				}
				result.Trace = lineage.Filter(result.Trace, func(event *topdown.Event) bool {
					return event.Op == topdown.NoteOp || event.Op == topdown.FailOp
				})
				filtered <- result
			}
		}()
		return tester.JSONReporter{Output: &report}.Report(filtered)
	})
	return answer{Tests: report.Bytes()}, err
}

// coverage is `opa test --bundle --coverage .`
func coverage(asked request) (answer, error) {
	var report bytes.Buffer
	covered := cover.New()
	err := run(asked, covered, func(results chan *tester.Result, modules map[string]*ast.Module) error {
		return tester.JSONCoverageReporter{Cover: covered, Modules: modules, Output: &report}.Report(results)
	})
	return answer{Coverage: report.Bytes()}, err
}

// run starts the tests and hands their results on as they come; covered is nil when they are to be traced instead.
func run(
	asked request, covered *cover.Cover, report func(chan *tester.Result, map[string]*ast.Module) error,
) error {
	ctx := context.Background()
	capabilities, err := asked.capabilities()
	if err != nil {
		return err
	}
	read, err := asked.bundle(capabilities)
	if err != nil {
		return err
	}
	store := inmem.NewWithOpts(inmem.OptRoundTripOnWrite(false))
	txn, err := store.NewTransaction(ctx, storage.WriteParams)
	if err != nil {
		return err
	}
	defer store.Abort(ctx, txn)
	circumstances, err := info.New()
	if err != nil {
		return err
	}
	runner := tester.NewRunner().
		SetCompiler(ast.NewCompiler().
			SetErrorLimit(mostErrors).
			WithPathConflictsCheck(storage.NonEmpty(ctx, store, txn)).
			WithEnablePrintStatements(true).
			WithCapabilities(capabilities).
			WithUseTypeCheckAnnotations(true)).
		SetStore(store).
		CapturePrintOutput(true).
		StackTraces(true).
		SetRuntime(circumstances).
		SetBundles(map[string]*bundle.Bundle{root: read}).
		SetTimeout(longestTest).
		SetParallel(1)
	modules := read.ParsedModules(root)
	if covered == nil {
		runner = runner.EnableTracing(true)
	} else {
		runner = runner.
			SetCoverageRuns([]cover.Kind{cover.KindIndexExcluded, cover.KindEarlyExit}).
			SetCoverageQueryTracer(covered).
			SetModules(modules)
	}
	results, err := runner.RunTests(ctx, txn)
	if err != nil {
		return err
	}
	return report(results, modules)
}
