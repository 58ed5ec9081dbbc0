package sql_read_only_test

import data.licet.user.sql_read_only

query(sql) := {"tool": {"tags": ["sql"]}, "call": {"args": {"sql": sql}}}

reads := [
	"SELECT 1",
	"(select 1) union (select 2)",
	"select id, total from orders where customer = 'O''Brien; drop table orders --' order by id limit 10;",
	"with open as (select * from orders where state in ('open', 'late')) select count(*), max(total) from open",
	"SELECT c.name, sum(o.total)\nFROM orders o JOIN customers c ON (c.id = o.customer)\nGROUP BY c.name",
	"select * from orders where placed::date >= '2026-01-01' and total != 0 or note like '%ü%'",
]

writes := [
	"", ";", "'", "delete from orders", "select 1; delete from orders", "select 1;;",
	"with gone as (delete from orders returning *) select * from gone", "select * into copy from orders",
	"select * from orders for update", "select pg_sleep(10)", "select pg_read_file ('/etc/passwd')",
	"select public.count(1)", "select public . count(1)", "select load_extension('x')", "select nextval('s')", "select 1 -- x", "select 1 /* x */",
	"select /*!50000 sleep(1) */ 1", "select 1 # x", "select \"delete\"()", "select `x`", "select 'a\\' ; drop table x --'",
	"select $$x$$", "select @@version", "select E'\\x27'", "explain analyze select 1", "pragma table_info(x)",
	"select 'x", "ｓelect 1", "select 1\u0000", "select 1\u2028; drop table x", "update orders set total = 0",
	"vacuum", "copy orders to '/tmp/x'", "select * from orders into outfile '/tmp/x'", "set role admin",
]

test_what_only_reads if {
	every sql in reads {
		print(sql)
		sql_read_only.deny == set() with input as query(sql)
	}
}

test_what_may_do_more if {
	every sql in writes {
		print(sql)
		count(sql_read_only.deny) == 1 with input as query(sql)
	}
}

test_no_statement_and_several if {
	every sql in [null, 1, [], ["select 1", "select 2"], {"a": 1}] {
		count(sql_read_only.deny) == 1 with input as query(sql)
	}
	count(sql_read_only.deny) == 1 with input as {"tool": {"tags": ["sql"]}, "call": {"args": {"query": "select 1"}}}
}

test_without_data_no_function_is_called if {
	sql_read_only.deny == set() with input as query("select 1") with data.sql_read_only as {}
	count(sql_read_only.deny) == 1 with input as query("select count(*) from x") with data.sql_read_only as {}
}

test_other_tools_are_left_alone if {
	sql_read_only.deny == set() with input as {"tool": {"tags": []}, "call": {"args": {"sql": "delete from orders"}}}
}
