package metrics

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// ruleFiles are the files of rules. It is a rules.GroupLoader.
type ruleFiles struct {
	fs    fs.FS
	names []string
	parser.Parser
}

// findRules finds and checks the files. Its error has one line for each mistake, with the file's name and line.
func findRules(in fs.FS, syntax parser.Parser) (ruleFiles, error) {
	files := ruleFiles{fs: in, Parser: syntax}
	var problems []error
	err := fs.WalkDir(in, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.HasSuffix(name, ".yml") {
			files.names = append(files.names, name)
			_, wrong := files.Load(name, false, model.UTF8Validation)
			problems = append(problems, wrong...)
		}
		return err
	})
	if err != nil {
		return files, fmt.Errorf("read the rules: %w", err)
	}
	return files, errors.Join(problems...)
}

// Load reads one file.
func (f ruleFiles) Load(name string, ignoreUnknown bool, scheme model.ValidationScheme) (*rulefmt.RuleGroups, []error) {
	content, err := fs.ReadFile(f.fs, name)
	if err != nil {
		return nil, []error{fmt.Errorf("read the rules: %w", err)}
	}
	groups, problems := rulefmt.Parse(content, ignoreUnknown, scheme, f.Parser, slog.New(slog.DiscardHandler))
	for i, problem := range problems {
		problems[i] = fmt.Errorf("rules in %s: %w", name, problem)
	}
	return groups, problems
}

// Parse reads one query.
func (f ruleFiles) Parse(query string) (parser.Expr, error) { return f.ParseExpr(query) }
