package main

import (
	"bytes"
	"io/fs"
	"testing/fstest"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/loader"
	"github.com/open-policy-agent/opa/v1/util"
)

// root is the folder of the request's files, as `opa build --bundle .` would be told it.
const root = "."

// tree is the request's files as a file system.
func (r request) tree() fs.FS {
	files := fstest.MapFS{}
	for name, content := range r.Files {
		files[name] = &fstest.MapFile{Data: content, Mode: 0o644}
	}
	return files
}

func (r request) capabilities() (*ast.Capabilities, error) {
	if r.Capabilities == nil {
		return ast.CapabilitiesForThisVersion(), nil
	}
	return ast.LoadCapabilitiesJSON(bytes.NewReader(r.Capabilities))
}

func (r request) schemas() (*ast.SchemaSet, error) {
	if r.Schema == nil {
		return nil, nil
	}
	var schema any
	if err := util.Unmarshal(r.Schema, &schema); err != nil {
		return nil, err
	}
	schemas := ast.NewSchemaSet()
	schemas.Put(ast.SchemaRootRef, schema)
	return schemas, nil
}

// bundle reads the request's files as OPA reads a bundle's folder.
func (r request) bundle(capabilities *ast.Capabilities) (*bundle.Bundle, error) {
	return loader.NewFileLoader().
		WithFS(r.tree()).
		WithRegoVersion(ast.DefaultRegoVersion).
		WithProcessAnnotation(true).
		WithCapabilities(capabilities).
		WithSkipBundleVerification(true).
		AsBundle(root)
}
