"""Approvals: who has signed a plan, and whether that will do.

sign    a plan -> an Approval, with a key of the signer's (`signing`)
judge   Approvals -> those that count, or what is missing (`policy`)
load, add, beside
        the file of approvals beside a plan file (`written`)

Signatures are OpenSSH's, and `ssh` is the only caller of ssh-keygen.
"""

from __future__ import annotations

from reconciler.approvals.policy import NONE, Approvals, Demand, judge
from reconciler.approvals.signing import sign
from reconciler.approvals.written import add, beside, load

__all__ = ["NONE", "Approvals", "Demand", "add", "beside", "judge", "load", "sign"]
