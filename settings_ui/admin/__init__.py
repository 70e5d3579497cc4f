"""The staff's pages of what the screen itself keeps."""

from settings_ui.admin.drafts import SettingsDraftAdmin
from settings_ui.admin.people import FrameSessionAdmin, ResendAdmin, RevealAdmin

__all__ = ["FrameSessionAdmin", "ResendAdmin", "RevealAdmin", "SettingsDraftAdmin"]
