package main

import (
	"errors"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/loader"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// fault is one error, of the form that OPA's `--format json` gives it.
type fault struct {
	Message  string        `json:"message"`
	Code     string        `json:"code,omitempty"`
	Location *ast.Location `json:"location,omitempty"`
}

// faults takes an error of OPA's apart as OPA's own command line does.
func faults(err error) []fault {
	switch typed := err.(type) {
	case nil:
		return nil
	case *ast.Error:
		return []fault{{typed.Message, typed.Code, typed.Location}}
	case *topdown.Error:
		return []fault{{typed.Message, typed.Code, typed.Location}}
	case *storage.Error:
		return []fault{{Message: typed.Message, Code: typed.Code}}
	case ast.Errors:
		return each(typed)
	case rego.Errors:
		return each(typed)
	case loader.Errors:
		return each(typed)
	}
	if inner := errors.Unwrap(err); inner != nil {
		unwrapped := faults(inner)
		for _, one := range unwrapped {
			if one.Code != "" {
				return unwrapped
			}
		}
	}
	return []fault{{Message: err.Error()}}
}

func each[E error, S ~[]E](several S) []fault {
	var found []fault
	for _, one := range several {
		found = append(found, faults(one)...)
	}
	return found
}
