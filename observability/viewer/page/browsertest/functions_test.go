package browsertest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/viewer/page/pagetest"
)

// What needs no engine: each line is an expression on the modules, and the JSON that it must come to.
func TestTheFunctionsOfDashboards(t *testing.T) {
	p := newStage(t).open("/dashboards")
	for _, test := range []struct{ name, code, want string }{
		{"units", `[['short', 1234567], ['short', 999.7], ['short', 0.1 + 0.2], ['none', 1234], ['s', 0.00421], ['s', 200], ['s', 7500],
			['percentunit', 0.0512], ['bytes', 1536], ['bytes', 2 ** 30], ['cps', 0.5], ['ops', 2500], ['reqps', 0], ['mps', 12],
			['string', 7], ['celsius', 21]].map(([u, v]) => format.byUnit(u, v))`,
			`["1.23 M", "1 k", "0.3", "1234", "4.21 ms", "3 min 20 s", "2 h 5 min", "5.12 %", "1.5 KiB", "1 GiB", "0.5 c/s", "2.5 kops/s",
			"0 req/s", "12 msg/s", "7", "21 celsius"]`},
		{"decimals", `[['short', 0.4, 0], ['s', 4.23, 0], ['s', 0.0712, 2], ['percentunit', 0.98231, 2]].map(a => format.byUnit(...a))`,
			`["0", "4 s", "71.20 ms", "98.23 %"]`},
		{"what is no number", `[NaN, null, undefined, Infinity, -Infinity].map(v => format.byUnit('s', v))`, `["–", "–", "–", "∞", "-∞"]`},
		{"the step fills the width, and is no less than a scrape, or what the query wants",
			`[[300, 1000], [900, 400], [900, 400, 15], [86400, 400]].map(a => time.stepOf(...a))`, `[2, 5, 15, 300]`},
		{"a rate is over four scrapes, or no gap", `[2, 5, 60].map(time.rateInterval)`, `[8, 8, 62]`},
		{"ranges", `['now-15m', '5s', '24h', 'now', '', undefined].map(time.length).filter(Boolean)`, `[900, 5, 86400]`},
		{"times", `['now', 'now-1m', '1700000000000', '2023-11-14T22:13:20Z', '2023-11-14 22:13', '2023-11-14', '1700', 'now-', 'yesterday', '2023-99-99', null]
			.map(text => typeof time.at(text, 1e9)).join(' ')`, `"` + strings.Repeat("number ", 6) + strings.Repeat("undefined ", 4) + `undefined"`},
		{"times are those that they say", `['now', 'now-1m', '1700000000000', '2023-11-14T22:13:20Z'].map(text => time.at(text, 1e9))`,
			`[1000000000, 999999940, 1700000000, 1700000000]`},
		{"a range does not end after now, and is not too short", `[[100, 40, 1000], [990, 40, 1000], [100.5, 1, 1000]].map(a => time.around(...a))`,
			`[{"from": "80000", "to": "120000"}, {"from": "960000", "to": "1000000"}, {"from": "95000", "to": "106000"}]`},
		{"ticks of durations", `axes.increments('s').filter(n => n >= .1 && n <= 7200)`,
			`[0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200]`},
		{"ticks are told apart", `[[0, 1000, 2000], [1000, 1001, 1002], [7200, 7201]].map((v, i) => axes.labels(i < 2 ? 'short' : 's', v))`,
			`[["0", "1 k", "2 k"], ["1.000 k", "1.001 k", "1.002 k"], ["2 h", ""]]`},
		{"ticks of times", `[[0, 15, 30], [0, 60], [43200, 86400, 129600], [0, 86400]].map(t => axes.times(t.map(n => n + at), t[1] - t[0]))`,
			`[["12:00:00", "12:00:15", "12:00:30"], ["12:00", "12:01"], ["Jan 2", "Jan 2 12:00", "Jan 3"], ["Jan 1", "Jan 2"]]`},
		{"choices in a legend", `[['a', false], ['b', true], ['a', true], ['b', true], ['c', true], ['c', false], ['c', false]].map(
			(now => choice => now = legend.choose(now, ...choice))(legend.everything)).map(now => ['a', 'b', 'c'].filter(name => !legend.isHidden(now, name)).join(''))`,
			`["a", "ab", "b", "abc", "ab", "c", "abc"]`},
		{"built-in variables", `variables.query('rate(a[$__rate_interval]) / ${__range_s} + $__interval', [], variables.builtIn(900, 5, 8))`,
			`"rate(a[8s]) / 900 + 5s"`},
		{"all of a variable", `variables.query('a{b=~"$v"}', [{ name: 'v', all: '.*', values: [], multi: true }], {})`, `"a{b=~\".*\"}"`},
		{"one of several", `variables.query('a{b=~"$v"}', [{ name: 'v', values: ['x.y'], multi: true }], {})`, `"a{b=~\"x\\\\.y\"}"`},
		{"two of several", `variables.query('a{b=~"${v}"}', [{ name: 'v', values: ['x', 'y'], multi: true }], {})`, `"a{b=~\"(x|y)\"}"`},
		{"a value cannot leave its quotes", `variables.query('a{b="$v"}', [{ name: 'v', values: ['"} or b{c="'] }], {})`,
			`"a{b=\"\\\"} or b{c=\\\"\"}"`},
		{"formats", `['regex', 'pipe', 'csv'].map(f => variables.query('${v:' + f + '}', [{ name: 'v', values: ['a.b', 'c'], multi: true }], {}))`,
			`["(a\\.b|c)", "a.b|c", "a.b,c"]`},
		{"what is no variable stays", `variables.query('label_replace(a, "b", "$1", "c", "(.*)") $other', [], {})`,
			`"label_replace(a, \"b\", \"$1\", \"c\", \"(.*)\") $other"`},
		{"label_values", `['label_values(a{b=~"x,y"}, job)', 'label_values(job)', 'up'].map(variables.labelValues)`,
			`[{"selector": "a{b=~\"x,y\"}", "label": "job"}, {"label": "job"}, null]`},
		{"names of series", `[queries.seriesName({ legendFormat: '{{a}} to {{ b }}' }, { a: 'x' }), queries.seriesName({}, { __name__: 'up', job: 'q"' }),
			queries.seriesName({ expr: 'sum(a)' }, {})]`, `["x to", "up{job=\"q\\\"\"}", "sum(a)"]`},
		{"infinite values", `['+Inf', '-Inf', '1.5'].map(queries.number).map(String)`, `["Infinity", "-Infinity", "1.5"]`},
		{"merge", `transformations.transform([table({ k: ['x', 'y'], 'Value #A': [1, 2] }), table({ k: ['y', 'z'], 'Value #B': [3, 4] })],
			[{ id: 'merge' }])[0].columns.map(c => [c.name, c.values])`,
			`[["k", ["x", "y", "z"]], ["Value #A", [1, 2, null]], ["Value #B", [null, 3, 4]]]`},
		{"organize", `transformations.transform([table({ Time: [1], a: ['x'], b: ['y'], Value: [5] })], [{ id: 'organize', options: {
			excludeByName: { Time: true }, indexByName: { Value: 0, b: 1 }, renameByName: { b: 'B' } } }])[0].columns.map(c => [c.name, c.values])`,
			`[["Value", [5]], ["B", ["y"]], ["a", ["x"]]]`},
		{"buckets", `heatmap.bucketsOf({ series: [['+Inf', 9], ['10', 9], ['1', 4], ['0.1', 0], ['0.01', 0]].map(([le, v]) => ({ labels: { le }, values: [v] })) })`,
			`{"bounds": [0.1, 1, 10, null], "rows": [[0], [4], [5], [0]], "most": 5}`},
		{"thresholds", `[-1, 5, 7, 10].map(v => fields.thresholdColor({ thresholds: { mode: 'absolute', steps: [
			{ color: 'green', value: null }, { color: 'yellow', value: 5 }, { color: 'red', value: 10 }] } }, v))`,
			`["green", "yellow", "yellow", "red"]`},
		{"mappings", `[0, 3, NaN].map(v => fields.display({ unit: 'short', mappings: [{ type: 'value', options: { 0: { text: 'none', color: 'blue' } } },
			{ type: 'special', options: { match: 'null+nan', result: { text: 'no traffic' } } }] }, v).text)`, `["none", "3", "no traffic"]`},
		{"overrides", `[fields.fieldOf(panel, { name: 'a' }), fields.fieldOf(panel, { name: 'b1' })]`,
			`[{"unit": "s", "custom": {"lineWidth": 3}}, {"unit": "bytes", "displayName": "B"}]`},
		{"links, and none to what is not here", `['/d/x?${__url_time_range}', '/public/runbooks/StreamLag.md', '/public/runbooks/${__value.raw}.md', 'https://example.com/',
			'javascript:alert(1)', '//example.com', '/explore?panes=%7B%7D', '/explore?panes=' + encodeURIComponent(JSON.stringify({ a: { queries: [
			{ queryType: 'traceql', query: '{ .reason = "${__value.raw}" }' }] } }))]
			.map(url => links.follow(url, { times: { from: 'now-1h', to: 'now' }, value: 'Some"thing' })).filter(Boolean)`,
			`["/d/x?from=now-1h&to=now", "/runbooks/StreamLag", "/traces?q=%7B+.reason+%3D+%22Some%5C%22thing%22+%7D"]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := pagetest.Eval[string](p.In(t), `(async () => {
				const load = name => import('/static/' + name + '.js');
				const at = new Date('1970-01-01T12:00').getTime() / 1000;
				const [format, time, variables, queries, transformations, heatmap, fields, links, axes, legend] = await Promise.all(['format', 'dashboard/time',
					'dashboard/variables', 'dashboard/queries', 'dashboard/transformations', 'dashboard/heatmap', 'dashboard/fields', 'dashboard/links',
					'dashboard/axes', 'dashboard/legend'].map(load));
				const table = columns => ({ columns: Object.entries(columns).map(([name, values]) => ({ name, values })) });
				const panel = { fieldConfig: { defaults: { unit: 's' }, overrides: [
					{ matcher: { id: 'byName', options: 'a' }, properties: [{ id: 'custom.lineWidth', value: 3 }] },
					{ matcher: { id: 'byRegexp', options: '/^B/i' }, properties: [{ id: 'unit', value: 'bytes' }, { id: 'displayName', value: 'B' }] }] } };
				return JSON.stringify(`+test.code+`);
			})()`)
			if diff := cmp.Diff(decode(t, test.want), decode(t, got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func decode(t *testing.T, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}
