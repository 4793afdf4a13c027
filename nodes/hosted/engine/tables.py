"""The engine's state on disk: purchases, the pictures they gave, and what was charged.

A purchase goes ``intended -> sending -> running -> ready -> done``; a synchronous provider skips ``running``, and one
that surely took nothing brings it back to ``intended``. It may end in ``refused``, ``failed``, ``cancelled`` or
``unsure`` (its process died while the request was being sent) instead, and a ``done`` one whose files were lost is
``damaged``. Money is kept in whole micro-dollars, time in seconds since 1970.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Float, ForeignKey, Index, Integer, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

ACTIVE = ("intended", "sending", "running", "ready")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Purchase(Base):
    """One request and what became of it."""

    __tablename__ = "purchases"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    active: Mapped[str | None] = mapped_column(String(64), unique=True)
    """The fingerprint while the purchase is under way, so that the database itself allows only one."""
    state: Mapped[str] = mapped_column(String(16))
    owner: Mapped[str] = mapped_column(String(200))
    lease_until: Mapped[float] = mapped_column(Float)

    realm: Mapped[str] = mapped_column(String(16))
    provider: Mapped[str] = mapped_column(String(40))
    operation: Mapped[str] = mapped_column(String(40))
    model: Mapped[str] = mapped_column(String(200))
    asked_model: Mapped[str] = mapped_column(String(200))
    """What the user chose, where ``model`` took its place."""
    profile: Mapped[str] = mapped_column(String(40))
    address: Mapped[str] = mapped_column(Text)
    run: Mapped[str] = mapped_column(String(64))
    workflow: Mapped[str] = mapped_column(String(64))
    request: Mapped[dict[str, Any]] = mapped_column(JSON)

    began: Mapped[float] = mapped_column(Float)
    changed: Mapped[float] = mapped_column(Float)
    job: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    result: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    estimate: Mapped[int | None] = mapped_column(BigInteger)
    cost: Mapped[int | None] = mapped_column(BigInteger)
    cost_source: Mapped[str] = mapped_column(String(16), default="")
    error: Mapped[str] = mapped_column(Text, default="")

    pictures: Mapped[list[StoredPicture]] = relationship(
        order_by="StoredPicture.position", lazy="selectin", cascade="all, delete-orphan"
    )

    __table_args__ = (
        Index("ix_purchases_fingerprint", "fingerprint", "state"),
        Index("ix_purchases_run", "run"),
        Index("ix_purchases_owner", "owner"),
        Index("ix_purchases_began", "realm", "began"),
    )


class StoredPicture(Base):
    """A picture that was delivered: where its bytes are, what its pixels are, and the provider's link to it."""

    __tablename__ = "pictures"

    purchase_id: Mapped[str] = mapped_column(ForeignKey("purchases.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the bytes; their name in the store. Empty until they are fetched."""
    media_type: Mapped[str] = mapped_column(String(40))
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    pixels: Mapped[str] = mapped_column(String(64))
    """Digest of the RGB pixels, by which a tensor is recognised again."""
    has_alpha: Mapped[bool] = mapped_column(Boolean)
    revised_prompt: Mapped[str] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)
    url_until: Mapped[float | None] = mapped_column(Float)

    __table_args__ = (Index("ix_pictures_pixels", "pixels"), Index("ix_pictures_digest", "digest"))


class Charge(Base):
    """A line of the ledger: money that was, or may have been, charged."""

    __tablename__ = "ledger"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    purchase_id: Mapped[str] = mapped_column(ForeignKey("purchases.id"), unique=True)
    at: Mapped[float] = mapped_column(Float)
    realm: Mapped[str] = mapped_column(String(16))
    provider: Mapped[str] = mapped_column(String(40))
    operation: Mapped[str] = mapped_column(String(40))
    model: Mapped[str] = mapped_column(String(200))
    profile: Mapped[str] = mapped_column(String(40))
    run: Mapped[str] = mapped_column(String(64))
    workflow: Mapped[str] = mapped_column(String(64))
    pictures: Mapped[int] = mapped_column(Integer)
    usd_micros: Mapped[int] = mapped_column(BigInteger)
    source: Mapped[str] = mapped_column(String(16))
    """``reported`` by the provider, ``estimated`` from the price table, ``unknown`` (charged, nobody knows what), or
    ``unsure`` whether at all."""

    __table_args__ = (Index("ix_ledger_at", "at"), Index("ix_ledger_run", "run"))


class Workflow(Base):
    """A prompt that something was bought for, so that it can be opened again."""

    __tablename__ = "workflows"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    shape: Mapped[str] = mapped_column(String(64))
    """Digest of its nodes and links without their values: the same workflow with another prompt has the same."""
    label: Mapped[str] = mapped_column(String(200))
    at: Mapped[float] = mapped_column(Float)
    graph: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """None where it was too large to keep."""
