package refund_limits_test

import data.licet.user.refund_limits

refund(args) := {"tool": {"tags": ["refund"]}, "call": {"args": args}}

asked contains entry.count if {
	some owed in refund_limits.approval
	some entry in owed.requires
}

test_managers_by_amount if {
	asked == set() with input as refund({"amount": 100})
	asked == {1} with input as refund({"amount": 100.01})
	asked == {1} with input as refund({"amount": 1000})
	asked == {1, 2} with input as refund({"amount": 1000.01})
}

test_the_highest_limit if {
	refund_limits.deny == set() with input as refund({"amount": 5000})
	count(refund_limits.deny) == 1 with input as refund({"amount": 5000.01})
}

test_an_amount_that_cannot_be_told_is_denied if {
	every args in [{}, {"amount": null}, {"amount": "1"}, {"sum": 1}] {
		asked == {1, 2} with input as refund(args)
		count(refund_limits.deny) == 1 with input as refund(args)
	}
}

test_other_tools_are_left_alone if {
	other := {"tool": {"tags": ["mail"]}, "call": {"args": {"amount": 10000}}}
	refund_limits.deny == set() with input as other
	refund_limits.approval == set() with input as other
}

test_without_data_nothing_is_paid_back if {
	count(refund_limits.deny) == 1 with input as refund({"amount": 1}) with data.refund_limits as {}
	asked == {1, 2} with input as refund({"amount": 1}) with data.refund_limits as {}
}
