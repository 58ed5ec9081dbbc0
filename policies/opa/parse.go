package main

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	astjson "github.com/open-policy-agent/opa/v1/ast/json"
)

// parse is `opa parse --format json --json-include locations,-comments` of each Rego file, annotations included.
func parse(asked request) (answer, error) {
	all := astjson.NodeToggle{
		Term: true, Package: true, Comment: true, Import: true, Rule: true, Head: true, Expr: true, SomeDecl: true,
		Every: true, With: true, Annotations: true, AnnotationsRef: true,
	}
	astjson.SetOptions(astjson.Options{
		MarshalOptions: astjson.MarshalOptions{IncludeLocationText: true, IncludeLocation: all},
	})
	modules := map[string]any{}
	for name, content := range asked.Files {
		if !strings.HasSuffix(name, ".rego") {
			continue
		}
		module, err := ast.ParseModuleWithOpts(name, string(content), ast.ParserOptions{
			ProcessAnnotation: true, RegoVersion: ast.DefaultRegoVersion,
		})
		if err != nil {
			return answer{}, err
		}
		module.Comments = nil
		modules[name] = module
	}
	return answer{Modules: modules}, nil
}
