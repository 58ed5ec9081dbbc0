package write_rate_test

import data.licet.user.write_rate

after(tool, writes) := {
	"tool": {"name": tool, "effect": "write"},
	"run": {
		"counts": {"note": {"executed": writes}},
		"calls": [{"tool": "note", "effect": "write", "outcome": "executed", "labels": []} | some _ in numbers.range(1, writes)],
		"spent": {"usd": 0, "tokens": 0, "calls": writes},
	},
}

denied contains denial.rule if some denial in write_rate.deny

test_a_few_writes if {
	denied == set() with input as after("note", 2)
	write_rate.approval == set() with input as after("note", 2)
}

test_more_of_them_ask if {
	denied == set() with input as after("note", 3)
	count(write_rate.approval) == 1 with input as after("note", 3)
}

test_too_many if {
	denied == set() with input as after("tag", 4)
	denied == {"write_rate.most"} with input as after("tag", 5)
}

test_a_tool_with_its_own_limit if {
	denied == set() with input as after("send_mail", 3)
	mailed := object.union(after("send_mail", 1), {"run": {"counts": {"send_mail": {"executed": 1}}}})
	denied == {"write_rate.tool"} with input as mailed
}

test_reads_are_left_alone if {
	denied == set() with input as object.union(after("look", 9), {"tool": {"effect": "read"}})
}

test_without_data_nothing_is_written if {
	denied == {"write_rate.most", "write_rate.tool"} with input as after("note", 1) with data.write_rate as {}
	count(write_rate.approval) == 1 with input as after("note", 0) with data.write_rate as {}
}
