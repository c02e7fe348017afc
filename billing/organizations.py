"""What billing adds to teams: a wallet from the start, and no end while there is something in it."""

import uuid

from accounts.models import Organization
from billing import services
from billing.models import Wallet
from common.errors import Conflict
from common.rendering import credits_string


def open_team_wallet(organization: Organization) -> None:
    services.open_wallet(organization.pk)


def refuse_while_full(organization: Organization) -> None:
    """Raises Conflict while the wallet holds credits, or has some set aside for work in progress.

    The wallet stays locked until the transaction ends, so nothing comes in between the look and the deletion.
    """
    wallet = Wallet.objects.select_for_update(no_key=True).filter(organization=organization).first()
    if wallet is None or not (wallet.total or wallet.reserved):
        return
    if wallet.total:
        raise Conflict(
            f"“{organization.name}” still has {credits_string(wallet.total)} credits."
            " Spend them, move them or have them written off first."
        )
    raise Conflict(f"Work that “{organization.name}” pays for is still going on. Wait until it ends, or stop it.")


def wallet_totals(organization_ids: list[uuid.UUID]) -> dict[uuid.UUID, str]:
    """What each organisation has to spend."""
    wallets = Wallet.objects.filter(organization__in=organization_ids)
    return {wallet.organization_id: credits_string(wallet.total) for wallet in wallets}
