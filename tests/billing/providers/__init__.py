import pytest

for _part in ("base", "payments", "notifications", "failures", "subscriptions"):
    pytest.register_assert_rewrite(f"tests.billing.providers.contract.{_part}")
